// The JSON-RPC frame around A2A, as far as a proxy needs it: who is answered (the id), which dialect the method belongs
// to, and what may be sent twice. A leaf: knows nothing of workspaces, and judges nothing that is the agent's to judge.
import { parseLossless, type RawNumber } from './lossless-json.ts'

/**
 * A request id as it came: 0, "", null, "1" and 1 are all different (a2a.md §2.4). A number that JavaScript cannot hold is kept
 * as its text.
 */
export type RequestId = string | number | RawNumber | null

/** What could be learned of a request body without judging it. */
export type Envelope = {
  id: RequestId
  method: string | undefined
  /** The parsed body, when it is a JSON object. */
  body: Record<string, unknown> | undefined
}

export const NO_ENVELOPE: Envelope = { id: null, method: undefined, body: undefined }

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a body's frame. Anything that is not one JSON object in plain UTF-8 is left for the agent to refuse (a2a.md §3.8).
 * @returns the frame and the body as text; `text` is undefined for bytes that are no text
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

/** The `id` of a body as it was written, where it is not one of the numbers that are the same in JavaScript. */
function exactNumber(id: number, text: string): RequestId {
  if (Number.isSafeInteger(id)) return id
  return (parseLossless(text) as { id: RawNumber }).id
}

/** 1.0 methods are PascalCase, 0.3 methods contain a slash; nothing else tells them apart (a2a.md §1.3). */
export const isV1Method = (method: string | undefined) =>
  method !== undefined && /^[A-Z][A-Za-z]*$/.test(method)

const SENDS = new Set(['message/send', 'SendMessage'])

/** Methods that hand over a message and answer once. */
export const isSend = (method: string | undefined) => method !== undefined && SENDS.has(method)

const STREAMS = new Set(['message/stream', 'SendStreamingMessage', 'tasks/resubscribe', 'SubscribeToTask'])

/** Methods that are answered by an event stream, unless the agent refuses. */
export const isStream = (method: string | undefined) => method !== undefined && STREAMS.has(method)

// a2a.md §2.1. A method we do not know may do anything, so it is not among them.
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

/** Methods that change nothing, and may be sent again where a send may not. */
export const isRead = (method: string | undefined) => method !== undefined && READS.has(method)

const EXTENDED_CARDS = new Set(['agent/getAuthenticatedExtendedCard', 'GetExtendedAgentCard'])

/** Methods whose result is an agent card, with addresses in it (a2a.md §2.8). */
export const isExtendedCard = (method: string | undefined) =>
  method !== undefined && EXTENDED_CARDS.has(method)
