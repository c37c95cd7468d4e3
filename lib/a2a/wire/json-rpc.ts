// The JSON-RPC envelope of A2A, as far as a proxy needs it: the id of the answer, the dialect of the method, and
// which methods may be sent twice. It does not validate: the agent does.
import { isUtf8InSlices, runInSlices, SLICE } from '../../platform/slices.ts'
import { losslessNumber, type RawNumber } from './lossless-json.ts'
import { outlineInSlices, outlineRequest, type RequestOutline, stringAt } from './request-outline.ts'
import { textAt } from './span.ts'

/**
 * A request id, unchanged: 0, "", null, "1" and 1 are all different (docs/facts/a2a.md §2.4). A number that
 * JavaScript cannot represent is kept as its text.
 */
export type RequestId = string | number | RawNumber | null

/** What could be read of a request body without validating it. */
export type Envelope = {
  id: RequestId
  method: string | undefined
  /** The positions of its members, when the body is a JSON object. */
  outline: RequestOutline | undefined
}

export const NO_ENVELOPE: Envelope = { id: null, method: undefined, outline: undefined }

/** Longest method name that is read, in bytes with quotes. */
const MAX_METHOD_LENGTH = 1_000

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The envelope of a body, and whether the body is UTF-8. */
export type ParsedBody = { envelope: Envelope; isText: boolean }

const NOT_TEXT: ParsedBody = { envelope: NO_ENVELOPE, isText: false }

/**
 * Reads the envelope of a body. The agent refuses what is not one JSON object in plain UTF-8 (docs/facts/a2a.md
 * §3.8). A large body is read in slices, between which other requests continue.
 */
export function parseEnvelope(bytes: Uint8Array): ParsedBody | Promise<ParsedBody> {
  if (bytes.length > SLICE) return parseInSlices(bytes)
  let text: string
  try {
    text = UTF8.decode(bytes)
  } catch {
    return NOT_TEXT
  }
  return { envelope: envelopeOf(bytes, text.length === bytes.length ? text : undefined), isText: true }
}

async function parseInSlices(bytes: Uint8Array): Promise<ParsedBody> {
  if (!(await isUtf8InSlices(bytes))) return NOT_TEXT
  return { envelope: toEnvelope(bytes, await runInSlices(outlineInSlices(bytes, SLICE))), isText: true }
}

/**
 * Reads the envelope of a short body that is UTF-8.
 * @param ascii the body as text, if it is ASCII
 */
export const envelopeOf = (bytes: Uint8Array, ascii?: string): Envelope =>
  toEnvelope(bytes, outlineRequest(bytes), ascii)

function toEnvelope(bytes: Uint8Array, outline: RequestOutline | undefined, ascii?: string): Envelope {
  if (outline === undefined) return NO_ENVELOPE
  try {
    return {
      id: outline.id === undefined ? null : parseId(textAt(bytes, outline.id, ascii)),
      method: stringAt(bytes, outline.method, MAX_METHOD_LENGTH, ascii),
      outline,
    }
  } catch (error) {
    if (error instanceof SyntaxError) return NO_ENVELOPE
    throw error
  }
}

/** @throws SyntaxError */
function parseId(source: string): RequestId {
  if (source.startsWith('"')) return JSON.parse(source) as string
  return /^[-\d]/.test(source) ? losslessNumber(source) : null
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
