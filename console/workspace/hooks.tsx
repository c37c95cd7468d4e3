// The hooks of a workspace: addresses for other systems, whose deliveries become messages to the agent.
import { useState } from 'preact/hooks'
import type { components } from '../../client/client.ts'
import { currentClient, may } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Copy } from '../ui/copy.tsx'
import { Empty } from '../ui/empty.tsx'
import { formText } from '../ui/form-text.ts'
import { Problem } from '../ui/problem.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { useAction } from '../ui/use-action.ts'
import { useResource } from '../ui/use-resource.ts'
import { Table } from '../ui/table.tsx'

type Scheme = components['schemas']['Hook']['scheme']

const SCHEMES: readonly Scheme[] = ['standard', 'github', 'gitea', 'slack', 'stripe', 'bearer']

/** What the sender needs. The secret is shown once. */
type Created = { url: string; secret: string | undefined }

export function Hooks({ id }: { id: string }) {
  const [created, setCreated] = useState<Created>()
  const hooks = useResource(async () => {
    const { data } = await currentClient().api.GET('/workspaces/{id}/hooks', { params: { path: { id } } })
    return data ?? []
  }, [id])
  const rotate = useAction(async (hook: string, url: string) => {
    const { data } = await currentClient().api.POST('/workspaces/{id}/hooks/{hook}/rotate', {
      params: { path: { id, hook } },
      body: {},
    })
    setCreated({ url, secret: data?.secret })
  })

  return (
    <>
      <div class="tab-bar">
        <p class="muted">
          A signed delivery to one of these addresses becomes a message to the agent, and wakes it.
        </p>
        <ShowCommands
          request={{ method: 'GET', path: `/workspaces/${id}/hooks` }}
          cli={['hooks', 'ls', id]}
        />
      </div>
      {may('operate') && (
        <HookForm
          id={id}
          onCreated={(made) => {
            setCreated(made)
            hooks.reload()
          }}
        />
      )}
      {created !== undefined && <SecretOnce created={created} />}
      {rotate.problem !== undefined && <Problem problem={rotate.problem} />}
      {hooks.problem !== undefined && <Problem problem={hooks.problem} onRetry={hooks.reload} />}
      {hooks.value?.length === 0 && <Empty title="There are no hooks." />}
      {hooks.value !== undefined && hooks.value.length > 0 && (
        <Table columns={['Name', 'Scheme', 'Address', 'Created', '']}>
          {hooks.value.map(({ created_at, enabled, name, scheme, url }) => (
            <tr key={name}>
              <td>
                <strong>{name}</strong> {!enabled && <span class="tag">disabled</span>}
              </td>
              <td>{scheme}</td>
              <td class="cell-wide">
                <code>{url}</code> <Copy text={url} label={`Copy the address of ${name}`} />
              </td>
              <td>
                <Time at={created_at} />
              </td>
              <td class="actions">
                {may('operate') && (
                  <>
                    <button
                      type="button"
                      class="button button-small"
                      aria-label={`Rotate the secret of ${name}`}
                      disabled={rotate.isBusy}
                      onClick={() => rotate.run(name, url)}
                    >
                      Rotate the secret
                    </button>
                    <Confirm
                      label="Delete"
                      name={`Delete ${name}`}
                      question={`Delete the hook ${name}?`}
                      perform={async () => {
                        await currentClient().api.DELETE('/workspaces/{id}/hooks/{hook}', {
                          params: { path: { id, hook: name } },
                        })
                        hooks.reload()
                      }}
                    >
                      <p>Deliveries to its address are refused from then on.</p>
                    </Confirm>
                  </>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </>
  )
}

function SecretOnce({ created: { secret, url } }: { created: Created }) {
  return (
    <div class="notice" role="status">
      <p>
        Address: <code>{url}</code> <Copy text={url} label="Copy the address" />
      </p>
      {secret !== undefined && (
        <p>
          Secret, shown only now: <code>{secret}</code> <Copy text={secret} label="Copy the secret" />
        </p>
      )}
    </div>
  )
}

function HookForm({ id, onCreated }: { id: string; onCreated: (created: Created) => void }) {
  const create = useAction(async (form: HTMLFormElement) => {
    const entered = new FormData(form)
    const template = formText(entered, 'template')
    const { data } = await currentClient().api.POST('/workspaces/{id}/hooks', {
      params: { path: { id } },
      body: {
        name: formText(entered, 'name'),
        scheme: SCHEMES.find((scheme) => scheme === entered.get('scheme')) ?? 'standard',
        ...(template === '' ? {} : { template }),
      },
    })
    if (data === undefined) return
    form.reset()
    onCreated({ url: data.url, secret: data.secret })
  })
  return (
    <form
      class="row-form"
      onSubmit={(event) => {
        event.preventDefault()
        create.run(event.currentTarget)
      }}
    >
      <label class="field">
        <span class="field-label">Name</span>
        <input name="name" required placeholder="builds" autocomplete="off" spellcheck={false} />
      </label>
      <label class="field">
        <span class="field-label">Sender</span>
        <select name="scheme">
          {SCHEMES.map((scheme) => (
            <option key={scheme}>{scheme}</option>
          ))}
        </select>
      </label>
      <label class="field field-wide">
        <span class="field-label">Text of the message</span>
        <input name="template" placeholder="Build {{number}} failed: {{url}}" autocomplete="off" />
      </label>
      <button type="submit" class="button" disabled={create.isBusy}>
        Create
      </button>
      {create.problem !== undefined && <Problem problem={create.problem} />}
    </form>
  )
}
