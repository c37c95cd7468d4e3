// MOLECULE_COMPAT: messages of molecule-cli (docs/facts/molecule.md §8.1): `{agent_id, message}` in place of an A2A request,
// answered `{result: "<text>"}`. The agent gets an A2A message, and its answer comes back as its text. The answers of
// `molecule connect` get a role that A2A knows.
import type { A2aExchange } from '../a2a/exchange.ts'
import { isOversized } from '../../../lib/a2a/oversized-body.ts'
import { disconnectSignal, sendResponse } from '../../../lib/a2a/response/response-writer.ts'
import { changeJson } from '../../../lib/a2a/wire/lossless-json.ts'
import { isObject } from '../../../lib/platform/json-object.ts'
import { WebResponseWriter } from '../../http/web-response-writer.ts'
import { textFrom } from './request.ts'

type Handle = (incoming: A2aExchange) => Promise<void>

/** The longest body that may be such a message, in bytes. */
const MAX_BYTES = 65_536

/**
 * @param handle the A2A handler, which gets every other request as it is
 * @param maxBodyBytes its own limit
 */
export const withCliMessages =
  (handle: Handle, maxBodyBytes: number): Handle =>
  async (incoming) => {
    const isLong = Number(incoming.header('content-length') ?? 0) > MAX_BYTES
    if (incoming.method !== 'POST' || incoming.path.tail !== '' || isLong) return handle(incoming)
    let body: Awaited<ReturnType<A2aExchange['readBody']>>
    try {
      body = await incoming.readBody({ maxBytes: maxBodyBytes, take: () => true })
    } catch (error) {
      return handle({ ...incoming, readBody: () => Promise.reject(error) })
    }
    const text = isOversized(body) ? undefined : messageIn(body)
    if (text === undefined) {
      const known = isOversized(body) ? body : withKnownRole(body)
      return handle({ ...incoming, readBody: () => Promise.resolve(known) })
    }
    return answerCli(handle, incoming, text)
  }

async function answerCli(handle: Handle, incoming: A2aExchange, text: string): Promise<void> {
  const writer = new WebResponseWriter({}, disconnectSignal(incoming.writer), false)
  const sent = new TextEncoder().encode(JSON.stringify(toA2a(text)))
  const handled = handle({ ...incoming, writer, readBody: () => Promise.resolve(sent) })
  const answer = await writer.response
  const { error, result } = JSON.parse(await textFrom(answer)) as { error?: unknown; result?: unknown }
  await handled
  const shown = error === undefined ? { result: textsIn(result).join('\n') } : { error: messageOf(error) }
  sendResponse(incoming.writer, answer.status, { 'content-type': 'application/json' }, JSON.stringify(shown))
}

function messageIn(body: Uint8Array): string | undefined {
  if (body.length > MAX_BYTES) return undefined
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body))
    if (!isObject(parsed) || 'method' in parsed || typeof parsed['agent_id'] !== 'string') return undefined
    return typeof parsed['message'] === 'string' ? parsed['message'] : undefined
  } catch {
    return undefined
  }
}

/** A2A knows the roles user and agent; `molecule connect` answers as an assistant (docs/facts/molecule.md §1.7, §8.1). */
function withKnownRole(body: Uint8Array): Uint8Array {
  if (body.length > MAX_BYTES) return body
  const text = new TextDecoder().decode(body)
  if (!text.includes('"assistant"')) return body
  const known = changeJson(text, (value) => {
    const message = isObject(value) && isObject(value['params']) ? value['params']['message'] : undefined
    if (!isObject(message) || message['role'] !== 'assistant') return undefined
    message['role'] = 'agent'
    return value
  })
  return known === text ? body : new TextEncoder().encode(known)
}

const toA2a = (text: string) => ({
  jsonrpc: '2.0',
  id: crypto.randomUUID(),
  method: 'message/send',
  params: {
    message: {
      role: 'user',
      messageId: crypto.randomUUID(),
      kind: 'message',
      parts: [{ kind: 'text', text }],
    },
  },
})

/** The texts of a message, or of what a task has produced or says. */
export function textsIn(result: unknown): string[] {
  if (!isObject(result)) return []
  const { artifacts, message, parts, status, text } = result
  if (typeof text === 'string') return [text]
  const inside = [parts, artifacts].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []))
  const found = inside.flatMap(textsIn)
  return found.length > 0 ? found : [status, message].flatMap(textsIn)
}

const messageOf = (error: unknown): string =>
  isObject(error) && typeof error['message'] === 'string' ? error['message'] : JSON.stringify(error)
