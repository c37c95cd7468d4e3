// One HTTP exchange with an agent, as events. It separates the proxy, which is the same on every runtime, from the
// HTTP client: fetch on Workers (fetch-transport.ts), one of its own on Node (functions/node/http-client/).
import type { HeaderList } from '../wire/headers.ts'

export type AgentRequest = {
  /** Scheme and host, without a path. */
  origin: string
  /** Path and query. */
  path: string
  method: string
  headers: HeaderList
  body: Uint8Array | undefined
  /** Longest silence before the headers and between two chunks, in milliseconds; the total has no limit. */
  silenceMs: number
}

/**
 * - `refused`: no connection was made, so nothing was delivered
 * - `lost`: the connection broke; what was sent may have arrived
 * - `silent`: nothing arrived for longer than `silenceMs`
 */
export type TransportFailure = { kind: 'refused' | 'lost' | 'silent'; cause: unknown }

/**
 * Receives, in this order: `head` once, `data` any number of times, `end`. `failed` replaces the rest at any point.
 */
export type Receiver = {
  head(status: number, headers: HeaderList, connection: string | undefined): void
  data(chunk: Uint8Array): void
  end(): void
  failed(failure: TransportFailure): void
}

/** Controls a request that has been sent. */
export type RequestControl = {
  /** Holds further data back; the flow control of the connection then holds the agent back. */
  pause(): void
  resume(): void
  /** Closes the connection. The receiver is not called after it. */
  abort(): void
  /** Whether it still keeps the body of the request. */
  readonly holdsBody: boolean
}

/** Sends a request. It follows no redirects and never sends anything twice. */
export type Transport = (request: AgentRequest, receiver: Receiver) => RequestControl

// Failures before a connection exists (docs/facts/a2a.md §3.7). A certificate is checked before a request is written,
// too.
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  // The request was not sent at all (lib/platform/subrequest-budget.ts).
  'TOO_MANY_SUBREQUESTS',
])

/** Whether an error, or its cause, proves that no connection was made. */
export function neverConnected(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown }
  if (typeof code === 'string') return NEVER_CONNECTED.has(code)
  return cause !== undefined && neverConnected(cause)
}
