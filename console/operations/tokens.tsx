// API tokens of people and programs: those that are valid, creating one, which is shown once, and revoking one.
import { useState } from 'preact/hooks'
import { workspaces } from '../fleet/store.ts'
import { currentClient, mayAll, type Scope } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { Field, RowForm } from '../ui/row-form.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { ShownOnce } from '../ui/shown-once.tsx'
import { Time } from '../ui/time.tsx'
import { useResource } from '../ui/use-resource.ts'
import { WorkspaceName } from '../ui/workspace-name.tsx'

/** What each scope permits; each includes those before it. */
const SCOPES: readonly { scope: Scope; text: string }[] = [
  { scope: 'read', text: 'reads' },
  { scope: 'operate', text: 'creates, changes and messages workspaces' },
  { scope: 'exec', text: 'runs commands, reads and writes files' },
  { scope: 'admin', text: 'everything' },
]

export function Tokens() {
  const [created, setCreated] = useState<string>()
  const tokens = useResource(async () => {
    const { data } = await currentClient().api.GET('/tokens')
    return data ?? []
  }, [])
  return (
    <>
      <div class="tab-bar">
        <p class="muted">Tokens of people and programs. An agent has its own, which its workspace shows.</p>
        <ShowCommands request={{ method: 'GET', path: '/tokens' }} cli={['tokens', 'ls']} />
      </div>
      <TokenForm
        onCreated={(token) => {
          setCreated(token)
          tokens.reload()
        }}
      />
      {created !== undefined && (
        <div class="notice" role="status">
          <ShownOnce title="Token" value={created} />
        </div>
      )}
      <ResourceTable
        resource={tokens}
        empty="There are no API tokens."
        columns={['Name', 'May', 'Workspaces', 'Begins with', 'Used', 'Ends', 'By', '']}
        renderRow={({
          created_by,
          expires_at,
          id,
          last_used_at,
          name,
          prefix,
          scopes,
          workspaces: among,
        }) => (
          <tr key={id}>
            <th scope="row">{name}</th>
            <td>{scopes.at(-1)}</td>
            <td>
              {among === null
                ? 'all'
                : among.map((workspace) => (
                    <div key={workspace}>
                      <WorkspaceName id={workspace} />
                    </div>
                  ))}
            </td>
            <td>
              <code>{prefix}</code>
            </td>
            <td>
              <Time at={last_used_at} />
            </td>
            <td>{expires_at === null ? 'never' : <Time at={expires_at} />}</td>
            <td>{created_by}</td>
            <td class="actions">
              {mayAll('admin') && (
                <Confirm
                  label="Revoke"
                  name={`Revoke ${name}`}
                  question={`Revoke the token ${name}?`}
                  perform={async () => {
                    await currentClient().api.DELETE('/tokens/{id}', { params: { path: { id } } })
                    tokens.reload()
                  }}
                >
                  <p>Requests with it are refused within five seconds. It cannot be restored.</p>
                </Confirm>
              )}
            </td>
          </tr>
        )}
      />
    </>
  )
}

function TokenForm({ onCreated }: { onCreated: (token: string) => void }) {
  return (
    <RowForm
      label="Create"
      submit={async (text) => {
        const days = text('days')
        const only = text('workspace')
        const { data } = await currentClient().api.POST('/tokens', {
          body: {
            name: text('name'),
            scopes: [SCOPES.find(({ scope }) => scope === text('scope'))?.scope ?? 'read'],
            ...(only === '' ? {} : { workspaces: [only] }),
            ...(days === '' ? {} : { expires_in_days: Number(days) }),
          },
        })
        if (data !== undefined) onCreated(data.token)
      }}
    >
      <Field label="Name">
        <input name="name" required placeholder="ci" autocomplete="off" spellcheck={false} />
      </Field>
      <Field label="What it may do">
        <select name="scope">
          {SCOPES.map(({ scope, text }) => (
            <option key={scope} value={scope}>
              {scope}: {text}
            </option>
          ))}
        </select>
      </Field>
      <Field label="Workspaces">
        <select name="workspace">
          <option value="">all</option>
          {[...workspaces.value.values()].map(({ id, name }) => (
            <option key={id} value={id}>
              only {name}
            </option>
          ))}
        </select>
      </Field>
      <Field label="Days until it ends">
        <input name="days" type="number" min={1} placeholder="never" />
      </Field>
    </RowForm>
  )
}
