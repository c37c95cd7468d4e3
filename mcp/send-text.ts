// One text to an agent, and its answer as text: in the A2A version that the agent's card offers (1.0 or 0.3), over
// JSON-RPC through the proxy.
import type { Client } from '../client/client.ts'
import { answeredLater } from '../client/problem.ts'

type Json = Record<string, unknown>

/** The longest answer that a model gets, in characters. */
const LONGEST_TEXT = 20_000

const METHODS = {
  '1.0': { send: 'SendMessage', read: 'GetTask', role: 'ROLE_USER' },
  '0.3': { send: 'message/send', read: 'tasks/get', role: 'user' },
} as const

/** @returns the answer's text, with the ids that continue the conversation or the task */
export async function sendText(client: Client, id: string, text: string, contextId?: string): Promise<Json> {
  const version = await versionOf(client, id)
  const { role, send } = METHODS[version]
  const part = version === '1.0' ? { text } : { kind: 'text', text }
  const message = {
    messageId: crypto.randomUUID(),
    role,
    parts: [part],
    ...(version === '1.0' ? {} : { kind: 'message' }),
    ...(contextId === undefined ? {} : { contextId }),
  }
  return answerOf(await call(client, id, version, send, { message }))
}

/** The state and the result of a task. */
export async function readTask(client: Client, id: string, taskId: string): Promise<Json> {
  const version = await versionOf(client, id)
  return answerOf(await call(client, id, version, METHODS[version].read, { id: taskId }))
}

async function versionOf(client: Client, id: string): Promise<'1.0' | '0.3'> {
  const { fetch, url } = client.agent(id)
  const response = await fetch(`${url}/.well-known/agent-card.json`, { headers: { 'a2a-version': '1.0' } })
  const card = response.ok ? ((await response.json()) as Json) : {}
  const interfaces = Array.isArray(card['supportedInterfaces']) ? (card['supportedInterfaces'] as Json[]) : []
  const offersOne = interfaces.some(
    ({ protocolBinding, protocolVersion }) =>
      protocolBinding === 'JSONRPC' && typeof protocolVersion === 'string' && protocolVersion.startsWith('1'),
  )
  return offersOne ? '1.0' : '0.3'
}

/** @throws Error with the agent's or the proxy's own words */
async function call(
  client: Client,
  id: string,
  version: string,
  method: string,
  params: Json,
): Promise<Json> {
  const { fetch, url } = client.agent(id)
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(version === '1.0' ? { 'a2a-version': version } : {}) },
    body: JSON.stringify({ jsonrpc: '2.0', id: crypto.randomUUID(), method, params }),
  })
  if (response.status === 202) throw await answeredLater(response)
  const body = (await response.json()) as {
    result?: Json
    error?: { message?: string } | string
    detail?: string
  }
  if (body.result !== undefined) return body.result
  const error = typeof body.error === 'string' ? body.error : body.error?.message
  throw new Error(error ?? body.detail ?? `the answer ${response.status} has no result`)
}

/** A message or a task, of either version, as what a model needs. */
function answerOf(result: Json): Json {
  const inner = asObject(result['message'] ?? result['task'] ?? result)
  const contextId = inner['contextId']
  const context = typeof contextId === 'string' && contextId !== '' ? { context_id: contextId } : {}
  const { status } = inner
  if (status === undefined) return { text: cut(textOf(inner['parts'])), ...context }
  const { message, state } = asObject(status)
  const artifacts = Array.isArray(inner['artifacts']) ? (inner['artifacts'] as Json[]) : []
  const texts = [textOf(asObject(message)['parts']), ...artifacts.map(({ parts }) => textOf(parts))]
  return {
    task_id: inner['id'],
    state: String(state).replace('TASK_STATE_', '').toLowerCase(),
    text: cut(texts.filter((text) => text !== '').join('\n')),
    ...context,
  }
}

const asObject = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {}

const textOf = (parts: unknown): string =>
  (Array.isArray(parts) ? (parts as Json[]) : [])
    .map((part) => {
      if (typeof part['text'] === 'string') return part['text']
      return part['data'] === undefined ? '[file]' : JSON.stringify(part['data'])
    })
    .join('')

const cut = (text: string) => (text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}…`)
