// Webhook endpoints: the addresses that receive events, how far behind each is, and creating one.
import { useState } from 'preact/hooks'
import type { components, paths } from '../../client/client.ts'
import { currentClient } from '../session/session.ts'
import { ReadAgain } from '../ui/read-again.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { Field, RowForm } from '../ui/row-form.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { ShownOnce } from '../ui/shown-once.tsx'
import { Status } from '../ui/status.tsx'
import { Time } from '../ui/time.tsx'
import { useResource } from '../ui/use-resource.ts'
import { linkToOperations } from './links.ts'

export type WebhookEndpoint = components['schemas']['WebhookEndpoint']

type NewEndpoint = paths['/webhook-endpoints']['post']['requestBody']['content']['application/json']

export function Webhooks() {
  const [created, setCreated] = useState<{ url: string; secret: string }>()
  const endpoints = useResource(async () => {
    const { data } = await currentClient().api.GET('/webhook-endpoints')
    return data ?? []
  }, [])
  return (
    <>
      <div class="tab-bar">
        <p class="muted">Addresses that receive events as signed webhooks.</p>
        <span class="bar-space" />
        <ReadAgain resource={endpoints} />
        <ShowCommands request={{ method: 'GET', path: '/webhook-endpoints' }} />
      </div>
      <EndpointForm
        onCreated={(made) => {
          setCreated(made)
          endpoints.reload()
        }}
      />
      {created !== undefined && (
        <div class="notice" role="status">
          <p>
            Events go to <code>{created.url}</code>.
          </p>
          <ShownOnce title="Secret" value={created.secret} />
        </div>
      )}
      <ResourceTable
        resource={endpoints}
        empty="There are no webhook endpoints."
        columns={['Address', 'State', 'Events', 'Behind', 'Waiting', 'Dead', 'Last success']}
        renderRow={(endpoint) => (
          <tr key={endpoint.id}>
            <th scope="row" class="cell-wide">
              <a href={linkToOperations('webhooks', endpoint.id)}>{endpoint.url}</a>
              <p class="muted">{endpoint.description}</p>
            </th>
            <td>
              <EndpointState endpoint={endpoint} />
            </td>
            <td class="cell-wide">{endpoint.types.join(', ')}</td>
            <td>{endpoint.behind}</td>
            <td>{endpoint.pending}</td>
            <td class={endpoint.dead > 0 ? 'note-bad' : undefined}>{endpoint.dead}</td>
            <td>
              <Time at={endpoint.last_success_at} />
            </td>
          </tr>
        )}
      />
    </>
  )
}

const DISABLED = {
  asked: 'disabled',
  gone: 'disabled: it answered 410',
  failing: 'disabled: it failed for five days',
} as const

export function EndpointState({ endpoint }: { endpoint: WebhookEndpoint }) {
  const { disabled_reason, enabled, failing_since } = endpoint
  if (!enabled) return <Status status="paused" word={DISABLED[disabled_reason ?? 'asked']} />
  if (failing_since !== null) return <Status status="failed" word="failing" />
  return <Status status="ready" word="enabled" />
}

type EndpointFormProps = { onCreated: (created: { url: string; secret: string }) => void }

function EndpointForm({ onCreated }: EndpointFormProps) {
  return (
    <RowForm
      label="Create"
      submit={async (text) => {
        const types = text('types')
          .split(/[\s,]+/)
          .filter((type) => type !== '')
        const { data } = await currentClient().api.POST('/webhook-endpoints', {
          body: {
            url: text('url'),
            description: text('description'),
            // The server names an event that does not exist.
            ...(types.length === 0 ? {} : { types: types as NonNullable<NewEndpoint['types']> }),
          },
        })
        if (data !== undefined) onCreated({ url: data.url, secret: data.secret })
      }}
    >
      <Field label="Address" isWide>
        <input
          name="url"
          type="url"
          required
          placeholder="https://example.com/events"
          autocomplete="off"
          spellcheck={false}
        />
      </Field>
      <Field label="Events" isWide>
        <input
          name="types"
          placeholder="all, or agent_answered, gave_up"
          autocomplete="off"
          spellcheck={false}
        />
      </Field>
      <Field label="What it is for">
        <input name="description" autocomplete="off" />
      </Field>
    </RowForm>
  )
}
