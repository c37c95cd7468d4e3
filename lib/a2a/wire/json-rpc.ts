// The JSON-RPC envelope of A2A, as far as a proxy needs it: the id of the answer, the dialect of the method, and
// which methods may be sent twice. It does not validate: the agent does.
import { parseLossless, type RawNumber } from './lossless-json.ts'

/**
 * A request id, unchanged: 0, "", null, "1" and 1 are all different (docs/facts/a2a.md §2.4). A number that
 * JavaScript cannot represent is kept as its text.
 */
export type RequestId = string | number | RawNumber | null

/** What could be read of a request body without validating it. */
export type Envelope = {
  id: RequestId
  method: string | undefined
  /** The parsed body, when it is a JSON object. */
  body: Record<string, unknown> | undefined
}

export const NO_ENVELOPE: Envelope = { id: null, method: undefined, body: undefined }

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the envelope of a body. The agent refuses what is not one JSON object in plain UTF-8 (docs/facts/a2a.md
 * §3.8).
 * @returns the envelope, and the body as text; `text` is undefined for bytes that are not UTF-8
 */
export function parseEnvelope(bytes: Uint8Array): { envelope: Envelope; text: string | undefined } {
  let text: string | undefined
  try {
    text = UTF8.decode(bytes)
    const body: unknown = JSON.parse(text)
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      return { envelope: NO_ENVELOPE, text }
    const { id, method } = body as Record<string, unknown>
    const envelope: Envelope = {
      id: typeof id === 'string' ? id : typeof id === 'number' ? exactNumber(id, text) : null,
      method: typeof method === 'string' ? method : undefined,
      body: body as Record<string, unknown>,
    }
    return { envelope, text }
  } catch {
    return { envelope: NO_ENVELOPE, text }
  }
}

/** The numeric `id` of a body: as a number if that is exact, else as its text. */
function exactNumber(id: number, text: string): RequestId {
  if (Number.isSafeInteger(id)) return id
  return (parseLossless(text) as { id: RawNumber }).id
}

/**
 * 1.0 methods are PascalCase, 0.3 methods contain a slash; nothing else distinguishes them (docs/facts/a2a.md §1.3).
 */
export const isV1Method = (method: string | undefined) =>
  method !== undefined && /^[A-Z][A-Za-z]*$/.test(method)

const SENDS = new Set(['message/send', 'SendMessage'])

/** Methods that send a message and are answered once. */
export const isSend = (method: string | undefined) => method !== undefined && SENDS.has(method)

const STREAMS = new Set(['message/stream', 'SendStreamingMessage', 'tasks/resubscribe', 'SubscribeToTask'])

/** Methods that are answered by an event stream, unless the agent refuses. */
export const isStream = (method: string | undefined) => method !== undefined && STREAMS.has(method)

// docs/facts/a2a.md §2.1. An unknown method may do anything, so it is not among them.
const READS = new Set([
  'tasks/get',
  'GetTask',
  'ListTasks',
  'tasks/resubscribe',
  'SubscribeToTask',
  'tasks/pushNotificationConfig/get',
  'tasks/pushNotificationConfig/list',
  'GetTaskPushNotificationConfig',
  'ListTaskPushNotificationConfigs',
  'agent/getAuthenticatedExtendedCard',
  'GetExtendedAgentCard',
])

/** Methods that change nothing, so they may be sent again. */
export const isRead = (method: string | undefined) => method !== undefined && READS.has(method)

const EXTENDED_CARDS = new Set(['agent/getAuthenticatedExtendedCard', 'GetExtendedAgentCard'])

/** Methods whose result is an agent card, which contains addresses (docs/facts/a2a.md §2.8). */
export const isExtendedCard = (method: string | undefined) =>
  method !== undefined && EXTENDED_CARDS.has(method)
