// The hooks of a workspace: addresses for other systems, whose deliveries become messages to the agent.
import { useState } from 'preact/hooks'
import type { components } from '../../client/client.ts'
import { currentClient, may } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Copy } from '../ui/copy.tsx'
import { Problem } from '../ui/problem.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { Field, RowForm } from '../ui/row-form.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { ShownOnce } from '../ui/shown-once.tsx'
import { Time } from '../ui/time.tsx'
import { useAction } from '../ui/use-action.ts'
import { useResource } from '../ui/use-resource.ts'

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
      <ResourceTable
        resource={hooks}
        empty="There are no hooks."
        columns={['Name', 'Scheme', 'Address', 'Created', '']}
        renderRow={({ created_at, enabled, name, scheme, url }) => (
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
        )}
      />
    </>
  )
}

function SecretOnce({ created: { secret, url } }: { created: Created }) {
  return (
    <div class="notice" role="status">
      <p>
        Address: <code>{url}</code> <Copy text={url} label="Copy the address" />
      </p>
      {secret !== undefined && <ShownOnce title="Secret" value={secret} />}
    </div>
  )
}

function HookForm({ id, onCreated }: { id: string; onCreated: (created: Created) => void }) {
  return (
    <RowForm
      label="Create"
      submit={async (text) => {
        const template = text('template')
        const { data } = await currentClient().api.POST('/workspaces/{id}/hooks', {
          params: { path: { id } },
          body: {
            name: text('name'),
            scheme: SCHEMES.find((scheme) => scheme === text('scheme')) ?? 'standard',
            ...(template === '' ? {} : { template }),
          },
        })
        if (data !== undefined) onCreated({ url: data.url, secret: data.secret })
      }}
    >
      <Field label="Name">
        <input name="name" required placeholder="builds" autocomplete="off" spellcheck={false} />
      </Field>
      <Field label="Sender">
        <select name="scheme">
          {SCHEMES.map((scheme) => (
            <option key={scheme}>{scheme}</option>
          ))}
        </select>
      </Field>
      <Field label="Text of the message" isWide>
        <input name="template" placeholder="Build {{number}} failed: {{url}}" autocomplete="off" />
      </Field>
    </RowForm>
  )
}
