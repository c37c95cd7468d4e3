// The secrets of a workspace by name. Values are written and never read: the API does not show them either.
import { useRef } from 'preact/hooks'
import type { Workspace } from '../../client/client.ts'
import { currentClient, may } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Empty } from '../ui/empty.tsx'
import { formText } from '../ui/form-text.ts'
import { Problem } from '../ui/problem.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { useAction } from '../ui/use-action.ts'
import { useResource } from '../ui/use-resource.ts'
import { Table } from '../ui/table.tsx'
import { useNewestEvent } from './use-live.ts'

export function Secrets({ workspace: { id, name } }: { workspace: Workspace }) {
  const newest = useNewestEvent(id, /^secret_/)
  const secrets = useResource(async () => {
    const { data } = await currentClient().api.GET('/workspaces/{id}/secrets', { params: { path: { id } } })
    return data ?? []
  }, [id, newest])

  return (
    <>
      <div class="tab-bar">
        <p class="muted">Names only. Values are encrypted, and reach the machine at its next restart.</p>
        <ShowCommands
          request={{ method: 'GET', path: `/workspaces/${id}/secrets` }}
          cli={['secrets', 'ls', '--workspace', id]}
        />
      </div>
      {may('operate') && <SecretForm id={id} onSaved={secrets.reload} />}
      {secrets.problem !== undefined && <Problem problem={secrets.problem} onRetry={secrets.reload} />}
      {secrets.value?.length === 0 && <Empty title="There are no secrets." />}
      {secrets.value !== undefined && secrets.value.length > 0 && (
        <Table columns={['Name', 'Belongs to', 'Changed', '']}>
          {secrets.value.map(({ key, scope, updated_at }) => (
            <tr key={key}>
              <td>
                <code>{key}</code>
              </td>
              <td>{scope === 'global' ? 'all workspaces' : name}</td>
              <td>
                <Time at={updated_at} />
              </td>
              <td class="actions">
                {may('operate') && scope === 'workspace' && (
                  <Confirm
                    label="Delete"
                    name={`Delete ${key}`}
                    question={`Delete ${key}?`}
                    perform={async () => {
                      await currentClient().api.DELETE('/workspaces/{id}/secrets/{key}', {
                        params: { path: { id, key } },
                      })
                      secrets.reload()
                    }}
                  >
                    <p>The machine loses it at its next restart.</p>
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

function SecretForm({ id, onSaved }: { id: string; onSaved: () => void }) {
  const form = useRef<HTMLFormElement>(null)
  const save = useAction(async (key: string, value: string) => {
    await currentClient().api.PUT('/workspaces/{id}/secrets', {
      params: { path: { id } },
      body: { key, value },
    })
    form.current?.reset()
    onSaved()
  })
  return (
    <form
      ref={form}
      class="row-form"
      onSubmit={(event) => {
        event.preventDefault()
        const entered = new FormData(event.currentTarget)
        save.run(formText(entered, 'key'), formText(entered, 'value'))
      }}
    >
      <label class="field">
        <span class="field-label">Name</span>
        <input name="key" required placeholder="OPENAI_API_KEY" autocomplete="off" spellcheck={false} />
      </label>
      <label class="field">
        <span class="field-label">Value</span>
        <input name="value" required type="password" autocomplete="off" />
      </label>
      <button type="submit" class="button" disabled={save.isBusy}>
        Save
      </button>
      {save.problem !== undefined && <Problem problem={save.problem} />}
    </form>
  )
}
