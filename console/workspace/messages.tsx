// The stored messages of a workspace: those that wait for their delivery, and what became of the others.
import { useState } from 'preact/hooks'
import type { components } from '../../client/client.ts'
import { route, setQuery } from '../route.ts'
import { currentClient } from '../session/session.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Problem } from '../ui/problem.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Status } from '../ui/status.tsx'
import { Time } from '../ui/time.tsx'
import { useResource } from '../ui/use-resource.ts'
import { useThrottled } from '../ui/use-throttled.ts'
import { WorkspaceName } from '../ui/workspace-name.tsx'
import { useNewestEvent } from './use-live.ts'

type State = components['schemas']['Message']['state']

/** Each state with the status whose colour it has. */
const STATES: Record<State, { colour: string; text: string }> = {
  queued: { colour: 'provisioning', text: 'waits for its turn' },
  sending: { colour: 'provisioning', text: 'on its way' },
  answered: { colour: 'ready', text: 'the agent answered' },
  failed: { colour: 'failed', text: 'given up' },
  unknown: { colour: 'degraded', text: 'sent, and no answer came' },
}

const isState = (text: string): text is State => Object.hasOwn(STATES, text)

/** The list is not read more often than this. */
const PAUSE_MS = 1_000

export function Messages({ id }: { id: string }) {
  const [shown, setShown] = useState<string>()
  const chosen = route.value.query.get('state') ?? ''
  const state = isState(chosen) ? chosen : undefined
  const newest = useThrottled(useNewestEvent(id, /^message_/), PAUSE_MS)
  const messages = useResource(async () => {
    const { data } = await currentClient().api.GET('/workspaces/{id}/messages', {
      params: { path: { id }, query: state === undefined ? {} : { state } },
    })
    return data ?? []
  }, [id, state, newest])
  return (
    <>
      <div class="tab-bar">
        <p class="muted">Messages that the server keeps until they are answered. The newest 100.</p>
        <span class="bar-space" />
        <label class="inline-field">
          <span>State</span>
          <select value={state ?? ''} onChange={(event) => setQuery({ state: event.currentTarget.value })}>
            <option value="">all</option>
            {Object.keys(STATES).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <ShowCommands
          request={{
            method: 'GET',
            path: `/workspaces/${id}/messages${state === undefined ? '' : `?state=${state}`}`,
          }}
        />
      </div>
      <ResourceTable
        resource={messages}
        empty="There are no stored messages."
        columns={['Accepted', 'From', 'State', 'Attempts', 'Sent', 'Ended', 'Why', '']}
        renderRow={(message) => (
          <tr key={message.id}>
            <th scope="row">
              <Time at={message.created_at} />
            </th>
            <td>
              {message.source_id === null ? (
                <span class="muted">a person or another system</span>
              ) : (
                <WorkspaceName id={message.source_id} />
              )}
            </td>
            <td title={STATES[message.state].text}>
              <Status status={STATES[message.state].colour} word={message.state} />
            </td>
            <td>{message.attempts}</td>
            <td>
              <Time at={message.sent_at} />
            </td>
            <td>
              <Time at={message.finished_at} />
            </td>
            <td class="cell-wide">{message.failure?.message}</td>
            <td class="actions">
              {message.state === 'answered' && (
                <button
                  type="button"
                  class="button button-small"
                  aria-label={`Answer to ${message.message_id}`}
                  onClick={() => setShown(message.id)}
                >
                  Answer
                </button>
              )}
            </td>
          </tr>
        )}
      />
      {shown !== undefined && <AnswerDialog id={id} message={shown} onClose={() => setShown(undefined)} />}
    </>
  )
}

type AnswerDialogProps = { id: string; message: string; onClose: () => void }

function AnswerDialog({ id, message, onClose }: AnswerDialogProps) {
  const answer = useResource(async () => {
    const { data } = await currentClient().api.GET('/workspaces/{id}/messages/{message}', {
      params: { path: { id, message } },
    })
    return data?.response ?? null
  }, [id, message])
  return (
    <Dialog title="The agent's answer" isWide onClose={onClose}>
      <div class="dialog-body">
        {answer.problem !== undefined && <Problem problem={answer.problem} onRetry={answer.reload} />}
        {answer.value !== undefined && (
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- A region that scrolls must be reachable by keyboard.
          <pre class="output" tabIndex={0} role="region" aria-label="The answer">
            {JSON.stringify(answer.value, null, 2)}
          </pre>
        )}
      </div>
    </Dialog>
  )
}
