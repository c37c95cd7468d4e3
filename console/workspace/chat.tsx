// A conversation with the agent of a workspace, over A2A through the proxy. Answers appear as they stream in, as text.
import { useEffect, useRef } from 'preact/hooks'
import type { Workspace } from '../../client/client.ts'
import { route } from '../route.ts'
import { currentClient } from '../session/session.ts'
import { Empty } from '../ui/empty.tsx'
import { fullTime, timeOfDay } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { chatSessionOf, type Turn } from './chat-session.ts'

export function Chat({ workspace }: { workspace: Workspace }) {
  const { id, name } = workspace
  const session = chatSessionOf(currentClient(), id)
  const turns = session.turns.value
  const end = useRef<HTMLDivElement>(null)
  const input = useRef<HTMLTextAreaElement>(null)
  const obstacle = obstacleOf(workspace)

  useEffect(() => {
    end.current?.scrollIntoView({ block: 'nearest' })
  }, [turns])

  function send(): void {
    const text = input.current?.value.trim() ?? ''
    if (text === '' || input.current === null || session.isBusy.value) return
    input.current.value = ''
    void session.send(text)
  }

  return (
    <div class="chat">
      <div class="chat-turns" role="log" aria-label={`Conversation with ${name}`}>
        {turns.length === 0 ? (
          <Empty title={`Talk to ${name}`}>
            {describe(workspace)} The conversation is kept on this page only, until you close it.
          </Empty>
        ) : (
          turns.map((turn, index) => <TurnView key={index} turn={turn} name={name} />)
        )}
        <div ref={end} />
      </div>
      <form
        class="chat-form"
        onSubmit={(event) => {
          event.preventDefault()
          send()
        }}
      >
        {obstacle !== undefined && (
          <p class="chat-obstacle" role="status">
            {obstacle.text}
          </p>
        )}
        <div class="chat-input">
          <textarea
            ref={input}
            rows={2}
            aria-label={`Message to ${name}`}
            placeholder={`Message to ${name}`}
            title="Enter sends. Shift+Enter begins a new line."
            defaultValue={route.value.query.get('say') ?? ''}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
              event.preventDefault()
              if (obstacle?.isFinal !== true) send()
            }}
          />
          <div class="chat-buttons">
            <ShowCommands
              request={{
                method: 'POST',
                path: `/workspaces/${id}/a2a`,
                body: {
                  jsonrpc: '2.0',
                  id: '1',
                  method: 'message/send',
                  params: {
                    message: {
                      role: 'user',
                      parts: [{ kind: 'text', text: 'What region are you running in?' }],
                    },
                  },
                },
              }}
              cli={['chat', id]}
            />
            {session.isBusy.value ? (
              <button type="button" class="button" onClick={session.stop}>
                <Icon name="stop" /> Stop
              </button>
            ) : (
              <button type="submit" class="button button-primary" disabled={obstacle?.isFinal === true}>
                <Icon name="send" /> Send
              </button>
            )}
          </div>
        </div>
      </form>
    </div>
  )
}

function TurnView({ name, turn }: { turn: Turn; name: string }) {
  const { at, from, note, state, text } = turn
  return (
    <article class={`turn turn-${from} turn-${state}`}>
      <header>
        <strong>{from === 'user' ? 'You' : name}</strong>
        <time dateTime={at} title={fullTime(at)}>
          {timeOfDay(at)}
        </time>
      </header>
      {text !== '' && <div class="turn-text">{text}</div>}
      {state === 'streaming' && (
        <p class="turn-note muted">
          <span class="typing" aria-hidden="true" />
          {note === '' ? 'Answering…' : note}
        </p>
      )}
      {state === 'failed' && (
        <p class="turn-note note-bad">
          <Icon name="warning" /> {note}
        </p>
      )}
    </article>
  )
}

/** Why a message may not be answered now. `isFinal`: it would be refused. */
function obstacleOf({ status }: Workspace): { text: string; isFinal: boolean } | undefined {
  switch (status) {
    case 'provisioning':
      return { text: 'It is on its way to ready. You can write now, and send when it is.', isFinal: true }
    case 'hibernated':
      return { text: 'It is asleep. A message wakes it, which takes a moment.', isFinal: false }
    case 'paused':
      return { text: 'It is paused. Resume it first.', isFinal: true }
    case 'failed':
      return { text: 'It has failed. The overview says why; Restart tries again.', isFinal: true }
    case 'removed':
      return { text: 'It is removed.', isFinal: true }
    case 'ready':
    case 'online':
    case 'degraded':
    case 'offline':
      return undefined
  }
}

/** What the card of the agent says of it. */
function describe({ agent_card: card }: Workspace): string {
  const description = card?.['description']
  const skills = Array.isArray(card?.['skills']) ? (card['skills'] as { description?: unknown }[]) : []
  const texts = [description, ...skills.map((skill) => skill?.description)].filter(
    (text): text is string => typeof text === 'string' && text !== '',
  )
  return texts.length === 0 ? '' : `Its card says: ${texts.join(' · ').slice(0, 400)}`
}
