// One HTTP exchange with an agent, as events: the seam between the road, which is the same everywhere, and what speaks
// HTTP, which is fetch on Workers (fetch-transport.ts) and undici on Node (functions/node/undici-transport.ts).
import type { HeaderPairs, HeaderRecord } from '../wire/headers.ts'

export type AgentRequest = {
  /** Scheme and host, without a path. */
  origin: string
  /** Path and query. */
  path: string
  method: string
  headers: HeaderRecord
  body: Uint8Array | undefined
  /** Longest silence before the headers and between two chunks, in milliseconds; there is no limit on the total. */
  silenceMs: number
}

/**
 * - `refused`: there never was a connection, so nothing was delivered
 * - `lost`: it broke; what was sent may have arrived
 * - `silent`: nothing came for longer than allowed
 */
export type TransportFailure = { kind: 'refused' | 'lost' | 'silent'; cause: unknown }

/** What comes back, in this order: `head` once, `data` any number of times, `end`; `failed` instead of any of them, and last. */
export type Receiver = {
  head(status: number, headers: HeaderPairs, connection: string | undefined): void
  data(chunk: Uint8Array): void
  end(): void
  failed(failure: TransportFailure): void
}

/** The sender's hand on the exchange. */
export type Flow = {
  /** Holds further data back; the connection's own flow control then holds the agent back. */
  pause(): void
  resume(): void
  /** Closes the connection. Nothing is received after it. */
  abort(): void
}

/** Sends a request. Redirects are not followed, nothing is decoded, and nothing is ever sent twice. */
export type Transport = (request: AgentRequest, receiver: Receiver) => Flow

// Failures before a connection exists (a2a.md §3.7). A certificate is judged before a request is written, too.
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
  // It was not even tried (lib/platform/subrequest-budget.ts).
  'TOO_MANY_SUBREQUESTS',
])

/** Whether an error, or its cause, says that no connection came about. */
export function neverConnected(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown }
  if (typeof code === 'string') return NEVER_CONNECTED.has(code)
  return cause !== undefined && neverConnected(cause)
}
