// Conversations with agents, one a workspace, kept for as long as the page is open. What an agent says is text, whatever it looks
// like.
import { type Signal, signal } from '@preact/signals'
import { type StreamResponse, TaskState, type TaskStatus } from '@a2a-js/sdk'
import type { Client as A2aClient } from '@a2a-js/sdk/client'
import { connectToAgent } from '../../client/agent.ts'
import type { Client } from '../../client/client.ts'
import { type Conversation, messageRequest, textOfParts } from '../../client/conversation.ts'

export type Turn = {
  from: 'user' | 'agent'
  at: string
  text: string
  /** `failed`: no or no whole answer came, and `note` says why. */
  state: 'streaming' | 'done' | 'failed'
  /** What the agent says of its progress, or why it failed. */
  note: string
}

export type ChatSession = {
  turns: Signal<readonly Turn[]>
  isBusy: Signal<boolean>
  send: (text: string) => Promise<void>
  /** Stops listening, and asks the agent to cancel its task. */
  stop: () => void
}

const sessions = new WeakMap<Client, Map<string, ChatSession>>()

/** @param id of the workspace */
export function chatSessionOf(client: Client, id: string): ChatSession {
  const ofClient = sessions.get(client) ?? new Map<string, ChatSession>()
  sessions.set(client, ofClient)
  const session = ofClient.get(id) ?? createChatSession(() => connectToAgent(withOwnAddress(client), id))
  ofClient.set(id, session)
  return session
}

/**
 * The card of an agent has the server's PUBLIC_URL, and the console may have been opened at another address of the same server. Its
 * requests go to the address that the page came from, as the policy of the page demands.
 */
function withOwnAddress(client: Client): Client {
  return {
    ...client,
    agent(id) {
      const { fetch, url } = client.agent(id)
      return {
        url,
        fetch: (input, init) => fetch(input instanceof Request ? input : atOwnAddress(input), init),
      }
    },
  }
}

function atOwnAddress(address: string | URL): string {
  const { pathname, search } = new URL(address)
  return `${location.origin}${pathname}${search}`
}

function createChatSession(connect: () => Promise<A2aClient>): ChatSession {
  const turns = signal<readonly Turn[]>([])
  const isBusy = signal(false)
  let conversation: Conversation = { contextId: '', taskId: '' }
  let agent: A2aClient | undefined
  let running: { abort: AbortController; taskId: string } | undefined

  function changeLast(change: (turn: Turn) => Turn): void {
    turns.value = turns.value.map((turn, index, all) => (index === all.length - 1 ? change(turn) : turn))
  }

  async function send(text: string): Promise<void> {
    if (isBusy.value) return
    const at = new Date().toISOString()
    turns.value = [
      ...turns.value,
      { from: 'user', at, text, state: 'done', note: '' },
      { from: 'agent', at, text: '', state: 'streaming', note: '' },
    ]
    isBusy.value = true
    const current = { abort: new AbortController(), taskId: '' }
    running = current
    try {
      agent ??= await connect()
      const pieces = agent.sendMessageStream(messageRequest(text, conversation), {
        signal: current.abort.signal,
      })
      for await (const piece of pieces) {
        const ids = idsOf(piece)
        current.taskId = ids.taskId === '' ? current.taskId : ids.taskId
        conversation = {
          contextId: ids.contextId === '' ? conversation.contextId : ids.contextId,
          taskId: waitsForInput(piece) ? ids.taskId : '',
        }
        changeLast((turn) => withPiece(turn, piece))
      }
      changeLast((turn) => (turn.state === 'streaming' ? { ...turn, state: 'done', note: '' } : turn))
    } catch (error) {
      // The card may have changed, so the next message reads it again.
      agent = undefined
      const note = current.abort.signal.aborted
        ? 'You stopped listening.'
        : error instanceof Error
          ? error.message
          : String(error)
      changeLast((turn) => ({ ...turn, state: 'failed', note }))
    } finally {
      isBusy.value = false
      running = undefined
    }
  }

  function stop(): void {
    if (running === undefined) return
    const { abort, taskId } = running
    if (taskId !== '')
      void agent?.cancelTask({ id: taskId, tenant: '', metadata: undefined }).catch(() => {
        // An agent that cannot cancel goes on; its answer is not shown.
      })
    abort.abort()
  }

  return { turns, isBusy, send, stop }
}

const FAILED: readonly TaskState[] = [
  TaskState.TASK_STATE_FAILED,
  TaskState.TASK_STATE_CANCELED,
  TaskState.TASK_STATE_REJECTED,
]

/** The turn after one piece of the stream. Pure. */
export function withPiece(turn: Turn, { payload }: StreamResponse): Turn {
  switch (payload?.$case) {
    case 'message':
      return { ...turn, text: joined(turn.text, textOfParts(payload.value.parts)) }
    case 'artifactUpdate': {
      const text = textOfParts(payload.value.artifact?.parts ?? [])
      return { ...turn, text: payload.value.append ? turn.text + text : joined(turn.text, text) }
    }
    case 'statusUpdate':
      return withStatus(turn, payload.value.status)
    case 'task': {
      const text = payload.value.artifacts.map(({ parts }) => textOfParts(parts)).join('\n')
      return withStatus({ ...turn, text: joined(turn.text, text) }, payload.value.status)
    }
    case undefined:
      return turn
  }
}

function withStatus(turn: Turn, status: TaskStatus | undefined): Turn {
  if (status === undefined) return turn
  const text = textOfParts(status.message?.parts ?? [])
  if (FAILED.includes(status.state)) return { ...turn, state: 'failed', note: text || 'The task has failed.' }
  const isUnderWay =
    status.state === TaskState.TASK_STATE_WORKING || status.state === TaskState.TASK_STATE_SUBMITTED
  return isUnderWay ? { ...turn, note: text } : { ...turn, note: '', text: joined(turn.text, text) }
}

const joined = (before: string, text: string): string =>
  text === '' ? before : before === '' ? text : `${before}\n${text}`

function idsOf({ payload }: StreamResponse): Conversation {
  switch (payload?.$case) {
    case 'message':
    case 'statusUpdate':
    case 'artifactUpdate':
      return { contextId: payload.value.contextId, taskId: payload.value.taskId }
    case 'task':
      return { contextId: payload.value.contextId, taskId: payload.value.id }
    case undefined:
      return { contextId: '', taskId: '' }
  }
}

const waitsForInput = ({ payload }: StreamResponse): boolean =>
  (payload?.$case === 'statusUpdate' || payload?.$case === 'task') &&
  payload.value.status?.state === TaskState.TASK_STATE_INPUT_REQUIRED
