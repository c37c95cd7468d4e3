// One A2A request as the proxy sees it, whatever runtime received it.
import type { Caller } from '../auth/caller.ts'
import { type ErrorEncoder, jsonRpcErrors, restErrors } from './errors/error-encoder.ts'
import type { BodyBytes } from './limits.ts'
import type { HeaderList } from './wire/headers.ts'
import { type Envelope, isRead, isStream } from './wire/json-rpc.ts'

export type A2aRequest = {
  workspaceId: string
  caller: Caller
  requestId: string
  /** The HTTP method. */
  method: string
  /**
   * Path below the workspace's A2A address, unchanged: empty for JSON-RPC, `/message:send` and the like for
   * HTTP+JSON.
   */
  tail: string
  /** `?…`, or empty. */
  query: string
  /** Empty once the answer has begun ({@link freeContent}), as are both bodies and the outline of the envelope. */
  headers: HeaderList
  /** The `Connection` header; the headers that it names are not forwarded. */
  connection: string | undefined
  body: Uint8Array | undefined
  /** The body with the members that it lacks for its agent. */
  completedBody?: Uint8Array | undefined
  /** Counts the body as long as it is kept. */
  bodyBytes?: BodyBytes | undefined
  /** The body is UTF-8, and JSON by its type: missing members may be added. */
  isJson: boolean
  envelope: Envelope
  /** The caller's W3C header. */
  traceparent: string | undefined
  /** The public base URL of this service, without a trailing slash. */
  publicUrl: string
  /** How long the caller waits for a workspace that is starting, in milliseconds; undefined for the default. */
  waitMs: number | undefined
}

/** Frees what is only needed to send a request: a stream may stay open for hours. */
export function freeContent(request: A2aRequest): void {
  request.headers = []
  request.body = undefined
  request.completedBody = undefined
  request.envelope.outline = undefined
}

export type Binding = 'json-rpc' | 'rest'

export const bindingOf = ({ tail }: Pick<A2aRequest, 'tail'>): Binding => (tail === '' ? 'json-rpc' : 'rest')

/** How errors are written for the caller of a request. */
export const errorEncoderOf = (request: Pick<A2aRequest, 'tail' | 'envelope'>): ErrorEncoder =>
  bindingOf(request) === 'json-rpc' ? jsonRpcErrors(request.envelope) : restErrors

/** Whether the caller expects an event stream. */
export const wantsStream = (request: A2aRequest): boolean =>
  bindingOf(request) === 'json-rpc'
    ? isStream(request.envelope.method)
    : request.tail.endsWith(':stream') || request.tail.endsWith(':subscribe')

const READ_METHODS = new Set(['GET', 'HEAD'])

/** Whether the request changes nothing, so that it may be sent again even if it may have arrived. */
export const isReadOnly = (request: A2aRequest): boolean =>
  bindingOf(request) === 'json-rpc' ? isRead(request.envelope.method) : READ_METHODS.has(request.method)

/**
 * Whether an empty answer with a success status completes the request: a JSON-RPC notification has no response, and over
 * HTTP+JSON a deletion returns nothing.
 */
export function mayBeAnsweredEmpty(request: Pick<A2aRequest, 'tail' | 'method' | 'envelope'>): boolean {
  if (bindingOf(request) === 'rest') return request.method === 'DELETE'
  const { outline } = request.envelope
  return outline !== undefined && outline.hasJsonrpc && outline.id === undefined
}
