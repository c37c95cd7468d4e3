// The disk of a workspace: how full it is, its snapshots, and what can be done with them.
import type { Workspace } from '../../client/client.ts'
import { currentClient, may, mayAll } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Empty } from '../ui/empty.tsx'
import { Facts } from '../ui/facts.tsx'
import { usd } from '../ui/format.ts'
import { Problem } from '../ui/problem.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { useAction } from '../ui/use-action.ts'
import { useResource } from '../ui/use-resource.ts'
import { Table } from '../ui/table.tsx'
import { readExplanation } from './explanation.ts'
import { useNewestEvent } from './use-live.ts'

export function DiskTab({ workspace }: { workspace: Workspace }) {
  const { disk, id } = workspace
  const explanation = useResource(() => readExplanation(currentClient(), id), [id])
  // Where disks can be neither copied nor kept, nothing survives as a snapshot.
  const hasCopies = explanation.value?.survives.some(({ event }) => event === 'restore')
  if (disk === null)
    return (
      <Empty title="This workspace has no disk.">
        What its agent writes is lost when its machine boots anew.
      </Empty>
    )
  return (
    <>
      <Facts
        facts={[
          ['Disk', <code>{disk.id}</code>],
          ['Mounted at', <code>{disk.path}</code>],
          [
            'Used',
            <>
              {disk.used_gb === null ? 'unknown' : `${disk.used_gb} GB`} of {disk.size_gb} GB
              {disk.used_gb !== null && (
                <meter
                  min={0}
                  max={disk.size_gb}
                  high={disk.size_gb * 0.9}
                  value={disk.used_gb}
                  aria-label="Used"
                />
              )}
            </>,
          ],
          ['State', disk.state],
          ['Region', disk.region ?? 'not yet'],
          ...(disk.usd_per_month === null ? [] : [['Cost', `${usd(disk.usd_per_month)} a month`] as const]),
        ]}
      />
      {hasCopies === true && <Snapshots workspace={workspace} />}
      {hasCopies === false && <p class="muted">Disks are neither copied nor kept as snapshots here.</p>}
    </>
  )
}

function Snapshots({ workspace }: { workspace: Workspace }) {
  const { id, name } = workspace
  const newest = useNewestEvent(id, /^(snapshot|disk)_/)
  const snapshots = useResource(async () => {
    const { data } = await currentClient().api.GET('/workspaces/{id}/snapshots', { params: { path: { id } } })
    return data ?? []
  }, [id, newest])
  const take = useAction(async () => {
    await currentClient().api.POST('/workspaces/{id}/snapshots', { params: { path: { id } } })
    snapshots.reload()
  })
  return (
    <>
      <div class="tab-bar">
        <h2>Snapshots</h2>
        <span class="bar-space" />
        {mayAll('operate') && (
          <a class="button" href={`#/new?from=${id}`}>
            Clone the workspace
          </a>
        )}
        {may('operate') && (
          <button type="button" class="button" disabled={take.isBusy} onClick={() => take.run()}>
            {take.isBusy ? 'Taking…' : 'Take a snapshot'}
          </button>
        )}
        <ShowCommands
          request={{ method: 'GET', path: `/workspaces/${id}/snapshots` }}
          cli={['snapshots', 'ls', id]}
        />
      </div>
      {take.problem !== undefined && <Problem problem={take.problem} />}
      {snapshots.problem !== undefined && <Problem problem={snapshots.problem} onRetry={snapshots.reload} />}
      {snapshots.value?.length === 0 && (
        <Empty title="There are no snapshots.">
          A snapshot is the disk as it was; the workspace can return to it.
        </Empty>
      )}
      {snapshots.value !== undefined && snapshots.value.length > 0 && (
        <Table columns={['Snapshot', 'State', 'Taken', 'Size', 'Kept', '']}>
          {snapshots.value.map((snapshot) => (
            <tr key={snapshot.id ?? snapshot.created_at}>
              <td>
                <code>{snapshot.id ?? 'being taken'}</code>
              </td>
              <td>{snapshot.state}</td>
              <td>
                <Time at={snapshot.created_at} />
              </td>
              <td class="number">{snapshot.size_gb === null ? '–' : `${snapshot.size_gb} GB`}</td>
              <td class="number">
                {snapshot.retention_days === null ? '–' : `${snapshot.retention_days} days`}
              </td>
              <td class="actions">
                {may('operate') && snapshot.usable && snapshot.id !== null && (
                  <Confirm
                    label="Restore"
                    name={`Restore ${snapshot.id}`}
                    question={`Restore ${name} from this snapshot?`}
                    perform={() => restore(id, snapshot.id ?? '')}
                  >
                    <p>
                      The workspace restarts with a disk from <code>{snapshot.id}</code>. The disk that it has
                      now is kept for a while, because its data is newer.
                    </p>
                  </Confirm>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </>
  )
}

async function restore(id: string, snapshot: string): Promise<void> {
  await currentClient().api.POST('/workspaces/{id}/restore', { params: { path: { id } }, body: { snapshot } })
}
