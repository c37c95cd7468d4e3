// The JSON-RPC frame around A2A, as far as a proxy needs it: who is answered (the id), which dialect the method belongs
// to, and errors of our own in the shape that dialect reads. A leaf: knows nothing of workspaces.

/** A request id as it came: 0, "", null, "1" and 1 are all different (a2a.md §2.4). */
export type RequestId = string | number | null

/** What could be learned of a request body without judging it. */
export type Envelope = {
  id: RequestId
  method: string | undefined
  /** The parsed body, when it is a JSON object. */
  body: Record<string, unknown> | undefined
}

/** Reads a body's frame. Anything that is not one JSON object is left for the agent to refuse (a2a.md §3.8). */
export function parseEnvelope(text: string): Envelope {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return { id: null, method: undefined, body: undefined }
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return { id: null, method: undefined, body: undefined }
  const { id, method } = body as Record<string, unknown>
  return {
    id: typeof id === 'string' || typeof id === 'number' ? id : null,
    method: typeof method === 'string' ? method : undefined,
    body: body as Record<string, unknown>,
  }
}

/** Why we answered instead of the agent. */
export type ProxyReason =
  | 'CONTENT_TYPE'
  | 'BODY_TOO_LARGE'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
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
  | 'INTERNAL'

/** HTTP status and JSON-RPC code of each reason: a true status with a JSON-RPC body (a2a.md §3.8). */
export const PROXY_ANSWERS: Record<
  ProxyReason,
  { status: number; code: number; retryAfterSeconds?: number }
> = {
  CONTENT_TYPE: { status: 415, code: -32600 },
  BODY_TOO_LARGE: { status: 413, code: -32600 },
  UNAUTHENTICATED: { status: 401, code: -32000 },
  FORBIDDEN: { status: 403, code: -32000 },
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
  INTERNAL: { status: 500, code: -32603 },
}

/** Whether the agent got the message: the only question that decides if it may be sent again. */
export type Delivered = 'yes' | 'no' | 'unknown'

/** A request that ends with an answer of ours. */
export class ProxyError extends Error {
  override name = 'ProxyError'
  readonly reason: ProxyReason
  readonly delivered: Delivered
  /** Overrides the table's status where the agent's own says more. */
  readonly status: number
  readonly facts: Record<string, string>

  constructor(
    reason: ProxyReason,
    message: string,
    options: { delivered?: Delivered; status?: number; facts?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.reason = reason
    this.delivered = options.delivered ?? 'no'
    this.status = options.status ?? PROXY_ANSWERS[reason].status
    this.facts = options.facts ?? {}
  }
}

const ERROR_DOMAIN = 'workspaces.a2a'

/** 1.0 methods are PascalCase, 0.3 methods contain a slash; nothing else tells them apart (a2a.md §1.3). */
export const isV1Method = (method: string | undefined) =>
  method !== undefined && /^[A-Z][A-Za-z]*$/.test(method)

/** Our error as a response, with the caller's id and `data` in the shape of the caller's dialect (a2a.md §3.8). */
export function toJsonRpcResponse(error: ProxyError, envelope: Pick<Envelope, 'id' | 'method'>): Response {
  const { code, retryAfterSeconds } = PROXY_ANSWERS[error.reason]
  const facts: Record<string, string | number> = {
    delivered: error.delivered,
    ...error.facts,
    ...(retryAfterSeconds === undefined ? {} : { retry_after: retryAfterSeconds }),
  }
  const data = isV1Method(envelope.method)
    ? [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: error.reason,
          domain: ERROR_DOMAIN,
          metadata: Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value)])),
        },
      ]
    : { reason: error.reason, ...facts }
  const headers = new Headers({ 'content-type': 'application/json', 'cache-control': 'no-store' })
  if (retryAfterSeconds !== undefined) headers.set('retry-after', String(retryAfterSeconds))
  if (error.status === 401) headers.set('www-authenticate', 'Bearer')
  return new Response(
    JSON.stringify({ jsonrpc: '2.0', id: envelope.id, error: { code, message: error.message, data } }),
    {
      status: error.status,
      headers,
    },
  )
}
