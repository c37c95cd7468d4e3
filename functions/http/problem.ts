// The one mapping from failures to HTTP: RFC 9457 problem documents. A new ErrorCode without a row does not compile.
// Molecule's clients read `error`, a string, on failures, so it stands beside the standard members (molecule.md §2.1).
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { z } from '@hono/zod-openapi'
import { ProxyError, type ProxyReason } from '../../lib/a2a/errors/proxy-error.ts'
import { isDatabaseUnavailable, staleReadsOf } from '../../lib/platform/database-errors.ts'
import { DomainError, type ErrorCode } from '../../lib/platform/errors.ts'
import type { AppEnv } from './app-env.ts'

const PROBLEMS: Record<
  ErrorCode,
  { status: 400 | 401 | 403 | 404 | 409 | 410 | 413 | 405 | 415 | 422 | 429 | 500 | 503; title: string }
> = {
  invalid_input: { status: 400, title: 'The input is not valid' },
  too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body has the wrong type' },
  unauthenticated: { status: 401, title: 'No valid credential' },
  forbidden: { status: 403, title: 'Not allowed' },
  not_found: { status: 404, title: 'Not found' },
  gone: { status: 410, title: 'No longer there' },
  conflict: { status: 409, title: 'Not possible now' },
  confirmation_required: { status: 409, title: 'Confirmation required' },
  idempotency_mismatch: { status: 422, title: 'The key belongs to another request' },
  rate_limited: { status: 429, title: 'Too many requests' },
  method_not_allowed: { status: 405, title: 'Not a method of this address' },
  unavailable: { status: 503, title: 'Not available now' },
  misconfigured: { status: 503, title: 'The server is not configured' },
  internal: { status: 500, title: 'A mistake of ours' },
}

/** The schema of every failure's body, for the API description. */
export const Problem = z
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
  .openapi('Problem')

/** Any thrown value as a DomainError; what is not one of ours is `internal`, and its cause goes to the log only. */
export function toDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error
  if (error instanceof HTTPException) return fromHttpException(error)
  const refused = error instanceof ProxyError ? fromProxyError(error) : undefined
  if (refused !== undefined) return refused
  const stale = staleReadsOf(error)
  if (stale !== undefined) return new DomainError('misconfigured', stale.message)
  if (isDatabaseUnavailable(error)) {
    return new DomainError('unavailable', 'the database does not answer; try again shortly', {
      cause: error,
      retryAfterSeconds: 5,
    })
  }
  return new DomainError('internal', 'an unexpected error; the log has its cause under this request id', {
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

// A message that could not be taken for its workspace, at a door that is not A2A's.
function fromProxyError(error: ProxyError): DomainError | undefined {
  const { facts, message, reason, retryAfterSeconds } = error
  const code = CODES[reason]
  if (code === undefined) return undefined
  return new DomainError(code, message, {
    details: { reason, workspace_status: facts['status'] },
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })
}

// Hono refuses malformed JSON and wrong media types itself.
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
      // Molecule's clients know `status: "confirmation_required"` on this one answer (molecule.md §2.5).
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

type Issue = { path: PropertyKey[]; message: string; issues?: { message: string }[] }

/** A refused body, query or path: each field by its path, in words. */
export function toInvalidInput(error: { issues: Issue[] }): DomainError {
  const errors = error.issues.map((issue) => ({
    field: issue.path.map(String).join('.') || 'body',
    // What is wrong with the name of a member is said one level deeper.
    message: issue.issues?.[0]?.message ?? issue.message,
  }))
  const [first = { field: 'body', message: 'is not valid' }] = errors
  return new DomainError('invalid_input', `${first.field}: ${first.message}`, { errors })
}
