// The tokens of a workspace: the one that its machine was launched with, and those that were created for it. A new one is shown once.
import { useState } from 'preact/hooks'
import { currentClient, may } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Problem } from '../ui/problem.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { ShownOnce } from '../ui/shown-once.tsx'
import { Time } from '../ui/time.tsx'
import { useAction } from '../ui/use-action.ts'
import { useResource } from '../ui/use-resource.ts'
import { useNewestEvent } from './use-live.ts'

export function WorkspaceTokens({ id }: { id: string }) {
  const [created, setCreated] = useState<string>()
  const newest = useNewestEvent(id, /^workspace_token_/)
  const tokens = useResource(async () => {
    const { data } = await currentClient().api.GET('/workspaces/{id}/tokens', {
      params: { path: { id } },
    })
    return data?.tokens ?? []
  }, [id, newest])
  const create = useAction(async () => {
    const { data } = await currentClient().api.POST('/workspaces/{id}/tokens', { params: { path: { id } } })
    setCreated(data?.auth_token)
    tokens.reload()
  })
  return (
    <>
      <div class="tab-bar">
        <p class="muted">
          A program with one of these tokens acts as this agent, and reads its secrets. A restart replaces the
          one of its machine.
        </p>
        <span class="bar-space" />
        {may('admin') && (
          <button type="button" class="button" disabled={create.isBusy} onClick={() => create.run()}>
            Create a token
          </button>
        )}
        <ShowCommands request={{ method: 'GET', path: `/workspaces/${id}/tokens` }} />
      </div>
      {create.problem !== undefined && <Problem problem={create.problem} />}
      {created !== undefined && (
        <div class="notice" role="status">
          <ShownOnce title="Token" value={created} />
        </div>
      )}
      <ResourceTable
        resource={tokens}
        empty="There are no tokens."
        columns={['Begins with', 'Created', 'Used', '']}
        renderRow={({ created_at, id: token, last_used_at, prefix }) => (
          <tr key={token}>
            <th scope="row">
              <code>{prefix}</code>
            </th>
            <td>
              <Time at={created_at} />
            </td>
            <td>
              <Time at={last_used_at} />
            </td>
            <td class="actions">
              {may('operate') && (
                <Confirm
                  label="Revoke"
                  name={`Revoke ${prefix}`}
                  question={`Revoke the token ${prefix}…?`}
                  perform={async () => {
                    await currentClient().api.DELETE('/workspaces/{id}/tokens/{token}', {
                      params: { path: { id, token } },
                    })
                    tokens.reload()
                  }}
                >
                  <p>
                    Requests with it are refused. If its machine uses it, the agent stays silent until the
                    workspace is restarted.
                  </p>
                </Confirm>
              )}
            </td>
          </tr>
        )}
      />
    </>
  )
}
