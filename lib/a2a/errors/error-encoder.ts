// How the proxy's own errors are written: as a JSON-RPC error in the caller's dialect with its id, or, on the
// HTTP+JSON binding, as the error object of that binding (docs/facts/a2a.md §3.8).
import { type Envelope, isV1Method } from '../wire/json-rpc.ts'
import type { ProxyError } from './proxy-error.ts'

const ERROR_DOMAIN = 'workspaces.a2a'

export type EncodedError = { status: number; headers: Record<string, string>; body: string }

export type ErrorEncoder = {
  /** The whole answer. */
  answer(error: ProxyError): EncodedError
  /**
   * One event, for a stream that has begun: all clients understand a plain `data:` frame (docs/facts/a2a.md §2.5).
   */
  frame(error: ProxyError): string
}

/** For JSON-RPC: `data` is an object for 0.3 and unknown methods, a list of `ErrorInfo` for 1.0. */
export function jsonRpcErrors({ id, method }: Pick<Envelope, 'id' | 'method'>): ErrorEncoder {
  return encoderOf((error) => {
    const { code, message } = error
    const data = isV1Method(method) ? [errorInfo(error)] : { reason: error.reason, ...factsOf(error) }
    return { jsonrpc: '2.0', id, error: { code, message, data } }
  })
}

/** For HTTP+JSON, both lines: a `google.rpc.Status`. */
export const restErrors: ErrorEncoder = encoderOf((error) => ({
  error: {
    code: error.status,
    status: rpcStatusOf(error.status),
    message: error.message,
    details: [errorInfo(error)],
  },
}))

function encoderOf(bodyOf: (error: ProxyError) => object): ErrorEncoder {
  return {
    answer(error) {
      const headers: Record<string, string> = {
        'content-type': 'application/json',
        'cache-control': 'no-store',
      }
      if (error.retryAfterSeconds !== undefined) headers['retry-after'] = String(error.retryAfterSeconds)
      if (error.status === 401) headers['www-authenticate'] = 'Bearer'
      return { status: error.status, headers, body: JSON.stringify(bodyOf(error)) }
    },
    frame: (error) => `data: ${JSON.stringify(bodyOf(error))}\n\n`,
  }
}

function factsOf({ delivered, facts, retryAfterSeconds }: ProxyError): Record<string, string | number> {
  return {
    delivered,
    ...facts,
    ...(retryAfterSeconds === undefined ? {} : { retry_after: retryAfterSeconds }),
  }
}

const errorInfo = (error: ProxyError) => ({
  '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
  reason: error.reason,
  domain: ERROR_DOMAIN,
  metadata: Object.fromEntries(Object.entries(factsOf(error)).map(([name, value]) => [name, String(value)])),
})

// The gRPC status names of HTTP status codes (google.rpc.Code).
const RPC_STATUS: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'FAILED_PRECONDITION',
  410: 'NOT_FOUND',
  413: 'INVALID_ARGUMENT',
  415: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

const rpcStatusOf = (status: number) => RPC_STATUS[status] ?? 'UNKNOWN'
