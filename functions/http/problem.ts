// The mapping from failures to HTTP: RFC 9457 problem documents. A new ErrorCode without a row does not compile.
// Molecule's clients read the string `error` on failures, so it is added to the standard members
// (docs/facts/molecule.md §2.1).
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { z } from '@hono/zod-openapi'
import { ProxyError, type ProxyReason } from '../../lib/a2a/errors/proxy-error.ts'
import { diagnoseDatabase } from '../../lib/platform/database-errors.ts'
import { DomainError, type ErrorCode } from '../../lib/platform/errors.ts'
import { described } from '../../lib/platform/described.ts'
import type { AppEnv } from './app-env.ts'

const PROBLEMS: Record<
  ErrorCode,
  {
    status: 400 | 401 | 403 | 404 | 409 | 410 | 413 | 405 | 412 | 415 | 416 | 422 | 429 | 500 | 501 | 503
    title: string
  }
> = {
  invalid_input: { status: 400, title: 'Invalid input' },
  too_large: { status: 413, title: 'The body is too large' },
  precondition_failed: { status: 412, title: 'Precondition failed' },
  range_not_satisfiable: { status: 416, title: 'Range not satisfiable' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  unauthenticated: { status: 401, title: 'No valid credential' },
  forbidden: { status: 403, title: 'Not allowed' },
  not_found: { status: 404, title: 'Not found' },
  gone: { status: 410, title: 'No longer available' },
  conflict: { status: 409, title: 'Conflict with the current state' },
  confirmation_required: { status: 409, title: 'Confirmation required' },
  idempotency_mismatch: { status: 422, title: 'Idempotency key used for another request' },
  rate_limited: { status: 429, title: 'Too many requests' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  not_implemented: { status: 501, title: 'Not offered by this server' },
  unavailable: { status: 503, title: 'Temporarily unavailable' },
  misconfigured: { status: 503, title: 'The server is not configured' },
  internal: { status: 500, title: 'Internal server error' },
}

/** The body of every failure. */
export const Problem = described(() =>
  z
    .object({
      type: z.string(),
      title: z.string(),
      status: z.int(),
      detail: z.string(),
      code: z.string(),
      error: z.string(),
      request_id: z.string(),
      errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    })
    .openapi('Problem'),
)

/** A refused or unmigrated database needs a person, so callers should not retry soon. */
const RETRY_AFTER_SECONDS = { unavailable: 5, refused: 60, unmigrated: 60 } as const

/** Any thrown value as a DomainError. An unknown one becomes `internal`; its cause goes to the log only. */
export function toDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error
  if (error instanceof HTTPException) return fromHttpException(error)
  const proxied = error instanceof ProxyError ? fromProxyError(error) : undefined
  if (proxied !== undefined) return proxied
  const failure = diagnoseDatabase(error)
  if (failure !== undefined) {
    return new DomainError(
      failure.kind === 'unavailable' ? 'unavailable' : 'misconfigured',
      failure.kind === 'unavailable' ? failure.message : `${failure.message}; ${failure.remedy}`,
      { cause: error, retryAfterSeconds: RETRY_AFTER_SECONDS[failure.kind] },
    )
  }
  return new DomainError('internal', 'unexpected error; the server log has its cause under this request id', {
    cause: error,
  })
}

const CODES: Partial<Record<ProxyReason, ErrorCode>> = {
  WORKSPACE_PAUSED: 'conflict',
  WORKSPACE_FAILED: 'unavailable',
  WORKSPACE_STARTING: 'unavailable',
  WORKSPACE_REMOVED: 'not_found',
  TOO_MANY_MESSAGES_WAITING: 'rate_limited',
}

// Routes other than A2A accept messages too (delegations, hooks), and answer as the rest of the API does.
function fromProxyError(error: ProxyError): DomainError | undefined {
  const { facts, message, reason, retryAfterSeconds } = error
  const code = CODES[reason]
  if (code === undefined) return undefined
  return new DomainError(code, message, {
    details: { reason, workspace_status: facts['status'] },
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })
}

// Hono itself refuses malformed JSON (400) and wrong media types (415).
function fromHttpException(error: HTTPException): DomainError {
  if (error.status === 415) {
    return new DomainError(
      'unsupported_media_type',
      "send JSON, with the header 'Content-Type: application/json'",
      { cause: error },
    )
  }
  if (error.status === 400) {
    const detail = 'the body is not valid JSON'
    return new DomainError('invalid_input', detail, {
      errors: [{ field: 'body', message: detail }],
      cause: error,
    })
  }
  return new DomainError('internal', error.message, { cause: error })
}

export function toProblem(c: Context<AppEnv>, error: DomainError): Response {
  const { status, title } = PROBLEMS[error.code]
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  }
  if (error.retryAfterSeconds !== undefined) headers['retry-after'] = String(error.retryAfterSeconds)
  if (status === 401) headers['www-authenticate'] = 'Bearer'
  return c.body(
    JSON.stringify({
      type: 'about:blank',
      title,
      ...error.details,
      // Molecule's clients expect `status: "confirmation_required"` in this one answer (docs/facts/molecule.md §2.5).
      ...('status' in error.details ? {} : { status }),
      detail: error.message,
      code: error.code,
      error: error.message,
      request_id: c.get('requestId'),
      ...(error.errors.length > 0 ? { errors: error.errors } : {}),
    }),
    status,
    headers,
  )
}

type Issue = { path: PropertyKey[]; message: string; keys?: string[]; issues?: { message: string }[] }

/** Invalid input in a body, query or path, with one entry for each field. */
export function toInvalidInput(error: { issues: Issue[] }): DomainError {
  const errors = error.issues.flatMap(({ issues, keys, message, path }) => {
    const field = path.map(String).join('.')
    if (keys !== undefined)
      return keys.map((key) => ({ field: [...path, key.slice(0, 100)].map(String).join('.'), message }))
    // zod reports an invalid member name one level deeper.
    return [{ field: field || 'body', message: issues?.[0]?.message ?? message }]
  })
  const [first = { field: 'body', message: 'is not valid' }] = errors
  return new DomainError('invalid_input', `${first.field}: ${first.message}`, { errors })
}
