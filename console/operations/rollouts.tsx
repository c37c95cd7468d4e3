// Rollouts of new images: those that were started, and starting one.
import { useComputed } from '@preact/signals'
import { type components, nextCursor } from '../../client/client.ts'
import { recentEvents } from '../fleet/store.ts'
import { navigate } from '../route.ts'
import { currentClient, mayAll } from '../session/session.ts'
import { shortDigest } from '../ui/format.ts'
import { OlderButton, type Page, useOlder } from '../ui/older.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { Field, RowForm } from '../ui/row-form.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Table } from '../ui/table.tsx'
import { Time } from '../ui/time.tsx'
import { useResource } from '../ui/use-resource.ts'
import { linkToOperations } from './links.ts'
import { readRolloutForm, WHEN_BUSY } from './rollout-input.ts'
import { type Rollout, RolloutState } from './rollout-state.tsx'

type Runtime = components['schemas']['Runtime']

export function Rollouts() {
  const newest = useComputed(
    () => recentEvents.value.find(({ type }) => /^(rollout|image)_/.test(type))?.seq ?? 0,
  )
  const read = useResource(() => readRollouts(), [newest.value])
  // A page is the same while its first rollout is.
  const older = useOlder(read.value?.rows[0]?.id ?? '', read.value)
  return (
    <>
      <div class="tab-bar">
        <p class="muted">
          A rollout brings an image to the workspaces of a runtime, a few at a time, and takes it back when it
          does harm.
        </p>
        <ShowCommands request={{ method: 'GET', path: '/rollouts' }} cli={['rollout', 'ls']} />
      </div>
      {mayAll('operate') && read.value !== undefined && (
        <RolloutForm runtimes={read.value.runtimes.map(({ runtime }) => runtime)} />
      )}
      <ResourceTable
        resource={{ ...read, value: older.rows }}
        empty="There are no rollouts."
        columns={['Runtime', 'State', 'Tranche', 'Image', 'Started', 'By', 'Why']}
        renderRow={(rollout) => (
          <tr key={rollout.id}>
            <th scope="row">
              <a href={linkToOperations('rollouts', rollout.id)}>{rollout.runtime}</a>
            </th>
            <td>
              <RolloutState state={rollout.state} />
            </td>
            <td>
              {rollout.tranche} of {rollout.tranches.length}
            </td>
            <td class="cell-wide">
              <code title={rollout.image}>{shortDigest(rollout.image)}</code>
            </td>
            <td>
              <Time at={rollout.created_at} />
            </td>
            <td>{rollout.started_by}</td>
            <td class="cell-wide">{rollout.reason?.message}</td>
          </tr>
        )}
      />
      <OlderButton older={older} title="Older rollouts" />
      {read.value !== undefined && (
        <section>
          <h2>Images of the runtimes</h2>
          <Table columns={['Runtime', 'Image', 'New images', 'Reported by the registry']}>
            {read.value.runtimes.map(({ image, policy, published, runtime }) => (
              <tr key={runtime}>
                <th scope="row">{runtime}</th>
                <td class="cell-wide">
                  <code title={image}>{shortDigest(image)}</code>
                </td>
                <td>{policy === 'auto' ? 'rolled out by themselves' : 'rolled out on request'}</td>
                <td class="cell-wide">
                  {published === null ? (
                    <span class="muted">none</span>
                  ) : (
                    <>
                      <code title={published.image}>{shortDigest(published.image)}</code>{' '}
                      <Time at={published.seen_at} />
                    </>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        </section>
      )}
    </>
  )
}

async function readRollouts(cursor?: string): Promise<Page<Rollout> & { runtimes: readonly Runtime[] }> {
  const query = cursor === undefined ? {} : { cursor }
  const { data, response } = await currentClient().api.GET('/rollouts', { params: { query } })
  const next = nextCursor(response)
  return {
    rows: data?.rollouts ?? [],
    readNext: next === undefined ? undefined : () => readRollouts(next),
    runtimes: data?.runtimes ?? [],
  }
}

function RolloutForm({ runtimes }: { runtimes: readonly string[] }) {
  return (
    <RowForm
      label="Start"
      submit={async (text) => {
        const { data } = await currentClient().api.POST('/rollouts', { body: readRolloutForm(text) })
        if (data !== undefined) navigate(linkToOperations('rollouts', data.id))
      }}
    >
      <Field label="Runtime">
        <select name="runtime">
          {runtimes.map((runtime) => (
            <option key={runtime}>{runtime}</option>
          ))}
        </select>
      </Field>
      <Field label="Image, or a digest of the runtime's image" isWide>
        <input name="image" required placeholder="sha256:…" autocomplete="off" spellcheck={false} />
      </Field>
      <Field label="Tranches">
        <input name="tranches" placeholder="1, 10%, 50%" autocomplete="off" spellcheck={false} />
      </Field>
      <Field label="Failures allowed">
        <input name="max_failures" type="number" min={0} placeholder="0" />
      </Field>
      <Field label="Watched for, seconds">
        <input name="watch_seconds" type="number" min={0} placeholder="60" />
      </Field>
      <Field label="Busy workspaces">
        <select name="when_busy">
          {WHEN_BUSY.map(({ text, value }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </Field>
    </RowForm>
  )
}
