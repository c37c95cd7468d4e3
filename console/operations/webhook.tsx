// One webhook endpoint: how it does, deliveries that wait or were given up, and what can be done with it.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { navigate } from '../route.ts'
import { currentClient } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Facts } from '../ui/facts.tsx'
import { plural, words } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { Problem } from '../ui/problem.tsx'
import { ReadAgain } from '../ui/read-again.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { ShownOnce } from '../ui/shown-once.tsx'
import { Time } from '../ui/time.tsx'
import { useAction } from '../ui/use-action.ts'
import { useResource } from '../ui/use-resource.ts'
import { WorkspaceName } from '../ui/workspace-name.tsx'
import { linkToOperations } from './links.ts'
import { EndpointState, type WebhookEndpoint } from './webhooks.tsx'

/** Deliveries that are shown, the oldest first. */
const MOST_DELIVERIES = 200

export function WebhookView({ id }: { id: string }) {
  const path = { endpoint: id }
  const read = useResource(async () => {
    const { api } = currentClient()
    const [endpoint, deliveries] = await Promise.all([
      api.GET('/webhook-endpoints/{endpoint}', { params: { path } }),
      api.GET('/webhook-endpoints/{endpoint}/deliveries', {
        params: { path, query: { limit: MOST_DELIVERIES } },
      }),
    ])
    return { endpoint: endpoint.data, deliveries: deliveries.data ?? [] }
  }, [id])
  const replay = useAction(async (seq: number) => {
    await currentClient().api.POST('/webhook-endpoints/{endpoint}/deliveries/{seq}/replay', {
      params: { path: { ...path, seq } },
    })
    read.reload()
  })
  const endpoint = read.value?.endpoint
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href={linkToOperations('webhooks')}>
          <Icon name="back" /> Webhooks
        </a>
      </nav>
      {endpoint !== undefined && <EndpointHead endpoint={endpoint} reload={read.reload} />}
      <div class="tab-bar">
        <h2>Deliveries that wait or were given up</h2>
        <span class="bar-space" />
        <ReadAgain resource={read} />
        <ShowCommands request={{ method: 'GET', path: `/webhook-endpoints/${id}/deliveries` }} />
      </div>
      {replay.problem !== undefined && <Problem problem={replay.problem} />}
      <ResourceTable
        resource={{ ...read, value: read.value?.deliveries }}
        empty="Nothing waits, and nothing was given up."
        columns={['Event', 'Workspace', 'State', 'Attempts', 'Next attempt', 'Why', '']}
        renderRow={({ attempts, last_failure, next_attempt_at, seq, state, type, workspace_id }) => (
          <tr key={seq}>
            <th scope="row">
              {seq} {type === null ? <span class="muted">no longer kept</span> : words(type)}
            </th>
            <td>
              <WorkspaceName id={workspace_id} />
            </td>
            <td class={state === 'dead' ? 'note-bad' : undefined}>{state}</td>
            <td>{attempts}</td>
            <td>
              <Time at={next_attempt_at} />
            </td>
            <td class="cell-wide">
              {last_failure !== null && (
                <>
                  {last_failure.message} <Time at={last_failure.at} />
                </>
              )}
            </td>
            <td class="actions">
              {state === 'dead' && (
                <button
                  type="button"
                  class="button button-small"
                  aria-label={`Replay ${seq}`}
                  disabled={replay.isBusy}
                  onClick={() => replay.run(seq)}
                >
                  Replay
                </button>
              )}
            </td>
          </tr>
        )}
      />
    </>
  )
}

type EndpointHeadProps = { endpoint: WebhookEndpoint; reload: () => void }

function EndpointHead({ endpoint, reload }: EndpointHeadProps) {
  const [said, setSaid] = useState<ComponentChildren>()
  const { failing_since, last_failure, missed } = endpoint
  return (
    <>
      <div class="workspace-title">
        <h2 class="title">{endpoint.url}</h2>
        <EndpointState endpoint={endpoint} />
        <span class="bar-space" />
        <EndpointVerbs endpoint={endpoint} reload={reload} say={setSaid} />
      </div>
      {endpoint.description !== '' && <p class="muted">{endpoint.description}</p>}
      {said !== undefined && (
        <div class="notice" role="status">
          {said}
        </div>
      )}
      {failing_since !== null && last_failure !== null && (
        <div class="notice notice-bad">
          <p>
            It has failed since <Time at={failing_since} />: {last_failure.message}
          </p>
        </div>
      )}
      {missed !== null && (
        <p class="note-bad">
          The events {missed.from} to {missed.to} were deleted before they were delivered.
        </p>
      )}
      <Facts
        facts={[
          ['Events', endpoint.types.join(', ')],
          ['Behind', plural(endpoint.behind, 'event')],
          ['Waiting', endpoint.pending],
          ['Dead', endpoint.dead],
          ['Last success', <Time at={endpoint.last_success_at} />],
          ['Order', endpoint.ordered ? 'kept in each workspace' : 'not kept'],
          ['Created', <Time at={endpoint.created_at} />],
          ['By', endpoint.created_by],
        ]}
      />
    </>
  )
}

type EndpointVerbsProps = EndpointHeadProps & { say: (text: ComponentChildren) => void }

function EndpointVerbs({ endpoint: { dead, enabled, id, url }, reload, say }: EndpointVerbsProps) {
  const path = { endpoint: id }
  const { api } = currentClient()
  const test = useAction(async () => {
    const { data } = await api.POST('/webhook-endpoints/{endpoint}/test', { params: { path } })
    if (data === undefined) return
    say(
      <p>
        {data.delivered ? 'The test event was accepted' : `The test event failed: ${data.message ?? ''}`} (
        {data.status ?? 'no answer'}, {data.ms} ms).
      </p>,
    )
    reload()
  })
  const enable = useAction(async () => {
    await api.PATCH('/webhook-endpoints/{endpoint}', { params: { path }, body: { enabled: !enabled } })
    reload()
  })
  const problem = test.problem ?? enable.problem
  return (
    <div class="verbs" role="group" aria-label="Commands">
      <button type="button" class="button button-small" disabled={test.isBusy} onClick={() => test.run()}>
        Send a test event
      </button>
      {dead > 0 && (
        <Confirm
          label="Replay the dead"
          name="Replay the dead"
          isDanger={false}
          question={`Send ${plural(dead, 'event')} again?`}
          perform={async () => {
            await api.POST('/webhook-endpoints/{endpoint}/deliveries/replay', { params: { path } })
            reload()
          }}
        >
          <p>Each is sent under its earlier id, so a receiver ignores what it has already processed.</p>
        </Confirm>
      )}
      <Confirm
        label="Rotate the secret"
        name="Rotate the secret"
        isDanger={false}
        question="Rotate the secret?"
        perform={async () => {
          const { data } = await api.POST('/webhook-endpoints/{endpoint}/rotate-secret', {
            params: { path },
            body: {},
          })
          if (data !== undefined)
            say(
              <>
                <ShownOnce title="Secret" value={data.secret} />
                <p>
                  The earlier one ends <Time at={data.previous_valid_until} />.
                </p>
              </>,
            )
        }}
      >
        <p>Events are signed with both secrets for 24 hours.</p>
      </Confirm>
      <button type="button" class="button button-small" disabled={enable.isBusy} onClick={() => enable.run()}>
        {enabled ? 'Disable' : 'Enable'}
      </button>
      <Confirm
        label="Delete"
        name="Delete"
        question={`Delete ${url}?`}
        perform={async () => {
          await api.DELETE('/webhook-endpoints/{endpoint}', { params: { path } })
          navigate(linkToOperations('webhooks'))
        }}
      >
        <p>What waits for it is lost with it, dead letters too. No further event is sent.</p>
      </Confirm>
      {problem !== undefined && <Problem problem={problem} />}
    </div>
  )
}
