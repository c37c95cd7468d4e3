// The secrets of a workspace by name. Values are written and never read: the API does not show them either.
import type { Workspace } from '../../client/client.ts'
import { currentClient, may } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { Field, RowForm } from '../ui/row-form.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { useResource } from '../ui/use-resource.ts'
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
      <ResourceTable
        resource={secrets}
        empty="There are no secrets."
        columns={['Name', 'Belongs to', 'Changed', '']}
        renderRow={({ key, scope, updated_at }) => (
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
        )}
      />
    </>
  )
}

function SecretForm({ id, onSaved }: { id: string; onSaved: () => void }) {
  return (
    <RowForm
      label="Save"
      submit={async (text) => {
        await currentClient().api.PUT('/workspaces/{id}/secrets', {
          params: { path: { id } },
          body: { key: text('key'), value: text('value') },
        })
        onSaved()
      }}
    >
      <Field label="Name">
        <input name="key" required placeholder="OPENAI_API_KEY" autocomplete="off" spellcheck={false} />
      </Field>
      <Field label="Value">
        <input name="value" required type="password" autocomplete="off" />
      </Field>
    </RowForm>
  )
}
