// The tasks that the agent of a workspace handed to other agents, and what came of them.
import { useComputed } from '@preact/signals'
import { recentEvents } from '../fleet/store.ts'
import { currentClient } from '../session/session.ts'
import { ResourceTable } from '../ui/resource-table.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { useResource } from '../ui/use-resource.ts'
import { useThrottled } from '../ui/use-throttled.ts'
import { WorkspaceName } from '../ui/workspace-name.tsx'

/** The list is not read more often than this. */
const PAUSE_MS = 2_000

export function Delegations({ id }: { id: string }) {
  // A delegation is a message of the workspace that receives it.
  const newest = useComputed(
    () => recentEvents.value.find(({ type }) => type.startsWith('message_'))?.seq ?? 0,
  )
  const throttled = useThrottled(newest.value, PAUSE_MS)
  const delegations = useResource(async () => {
    const { data } = await currentClient().api.GET('/workspaces/{id}/delegations', {
      params: { path: { id } },
    })
    return data ?? []
  }, [id, throttled])
  return (
    <>
      <div class="tab-bar">
        <p class="muted">Tasks that this agent handed to others. The newest 100.</p>
        <ShowCommands request={{ method: 'GET', path: `/workspaces/${id}/delegations` }} />
      </div>
      <ResourceTable
        resource={delegations}
        empty="There are no delegations."
        columns={['When', 'To', 'Task', 'Status', 'Answer']}
        renderRow={(delegation) => (
          <tr key={delegation.id}>
            <th scope="row">
              <Time at={delegation.created_at} />
            </th>
            <td>
              <WorkspaceName id={delegation.target_id} />
            </td>
            <td class="cell-wide">{delegation.summary}</td>
            <td>{delegation.status}</td>
            <td class="cell-wide">
              {delegation.error !== '' && <p class="note-bad">{delegation.error}</p>}
              {delegation.response_preview}
            </td>
          </tr>
        )}
      />
    </>
  )
}
