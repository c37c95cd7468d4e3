// The proxy's own errors, for requests that the agent did not answer: reason, HTTP status, and whether the agent may
// have received the message. A reason without a row in the table does not compile.

/** Why the proxy answered instead of the agent (docs/facts/a2a.md §3.8). */
export type ProxyReason =
  | 'METHOD_NOT_ALLOWED'
  | 'CONTENT_TYPE'
  | 'BODY_TOO_LARGE'
  | 'INVALID_PREFERENCE'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'NOT_CONFIGURED'
  | 'RATE_LIMITED'
  | 'TOO_MANY_REQUESTS_IN_FLIGHT'
  | 'TOO_MANY_MESSAGES_WAITING'
  | 'BINDING_NOT_OFFERED'
  | 'MESSAGE_ID_REUSED'
  | 'INVALID_MESSAGE'
  | 'AGENT_POLLS'
  | 'WORKSPACE_NOT_FOUND'
  | 'WORKSPACE_REMOVED'
  | 'WORKSPACE_PAUSED'
  | 'WORKSPACE_FAILED'
  | 'WORKSPACE_STARTING'
  | 'AGENT_UNREACHABLE'
  | 'AGENT_CONNECTION_LOST'
  | 'AGENT_TIMEOUT'
  | 'INVALID_AGENT_RESPONSE'
  | 'AGENT_HTTP_ERROR'
  | 'MESSAGE_EXPIRED'
  | 'UNAVAILABLE'
  | 'INTERNAL'

type ProxyAnswer = { status: number; code: number; retryAfterSeconds?: number }

/**
 * HTTP status and JSON-RPC code of each reason: an accurate status with a JSON-RPC body. A2A reserves -32001 …
 * -32099; of those only -32006 (invalid agent response) is used.
 */
export const PROXY_ANSWERS: Record<ProxyReason, ProxyAnswer> = {
  METHOD_NOT_ALLOWED: { status: 405, code: -32600 },
  CONTENT_TYPE: { status: 415, code: -32600 },
  BODY_TOO_LARGE: { status: 413, code: -32600 },
  INVALID_PREFERENCE: { status: 400, code: -32600 },
  UNAUTHENTICATED: { status: 401, code: -32000 },
  FORBIDDEN: { status: 403, code: -32000 },
  NOT_CONFIGURED: { status: 503, code: -32000 },
  RATE_LIMITED: { status: 429, code: -32000, retryAfterSeconds: 60 },
  TOO_MANY_REQUESTS_IN_FLIGHT: { status: 429, code: -32000, retryAfterSeconds: 1 },
  TOO_MANY_MESSAGES_WAITING: { status: 429, code: -32000, retryAfterSeconds: 60 },
  BINDING_NOT_OFFERED: { status: 404, code: -32601 },
  MESSAGE_ID_REUSED: { status: 409, code: -32600 },
  INVALID_MESSAGE: { status: 400, code: -32700 },
  AGENT_POLLS: { status: 409, code: -32601 },
  WORKSPACE_NOT_FOUND: { status: 404, code: -32000 },
  WORKSPACE_REMOVED: { status: 410, code: -32000 },
  WORKSPACE_PAUSED: { status: 409, code: -32603 },
  WORKSPACE_FAILED: { status: 503, code: -32603 },
  WORKSPACE_STARTING: { status: 503, code: -32603, retryAfterSeconds: 5 },
  AGENT_UNREACHABLE: { status: 503, code: -32603, retryAfterSeconds: 5 },
  AGENT_CONNECTION_LOST: { status: 502, code: -32603 },
  AGENT_TIMEOUT: { status: 504, code: -32603 },
  INVALID_AGENT_RESPONSE: { status: 502, code: -32006 },
  AGENT_HTTP_ERROR: { status: 502, code: -32603 },
  MESSAGE_EXPIRED: { status: 504, code: -32603 },
  UNAVAILABLE: { status: 503, code: -32603, retryAfterSeconds: 5 },
  INTERNAL: { status: 500, code: -32603 },
}

/** Whether the agent received the message. This alone decides whether it may be sent again. */
export type Delivered = 'yes' | 'no' | 'unknown'

type ProxyErrorOptions = {
  delivered?: Delivered
  /** Replaces the table's status where the agent's own is more exact. */
  status?: number
  retryAfterSeconds?: number | undefined
  /** Further facts for the caller. Never text from upstream, which may contain paths and addresses. */
  facts?: Record<string, string>
  cause?: unknown
}

/** Ends a request with an answer of the proxy's own. */
export class ProxyError extends Error {
  override name = 'ProxyError'
  readonly reason: ProxyReason
  readonly delivered: Delivered
  readonly status: number
  readonly code: number
  readonly retryAfterSeconds: number | undefined
  readonly facts: Record<string, string>

  constructor(reason: ProxyReason, message: string, options: ProxyErrorOptions = {}) {
    super(message, { cause: options.cause })
    const row = PROXY_ANSWERS[reason]
    this.reason = reason
    // Where our own code failed, nothing says how far the request had come.
    this.delivered = options.delivered ?? (reason === 'INTERNAL' ? 'unknown' : 'no')
    this.status = options.status ?? row.status
    this.code = row.code
    this.retryAfterSeconds = options.retryAfterSeconds ?? row.retryAfterSeconds
    this.facts = options.facts ?? {}
  }

  /** The same error of a request that an earlier attempt may have delivered. */
  afterDelivery(): ProxyError {
    if (this.delivered !== 'no') return this
    const { cause, facts, retryAfterSeconds, status } = this
    const options = { delivered: 'unknown', status, retryAfterSeconds, facts, cause } as const
    return new ProxyError(this.reason, this.message, options)
  }
}
