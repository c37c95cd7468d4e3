// Errors in terms of the domain. functions/http/problem.ts maps each code to an HTTP status and title. Any other
// error is a bug of ours, and its answer contains only a request id.

export type ErrorCode =
  | 'invalid_input'
  | 'too_large'
  | 'unsupported_media_type'
  | 'precondition_failed'
  | 'range_not_satisfiable'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'gone'
  | 'conflict'
  | 'confirmation_required'
  | 'idempotency_mismatch'
  | 'rate_limited'
  | 'method_not_allowed'
  | 'not_implemented'
  | 'unavailable'
  | 'misconfigured'
  | 'internal'

/** A refused field of the input, by its path in the body, query or header. */
export type FieldError = { field: string; message: string }

export class DomainError extends Error {
  override name = 'DomainError'
  readonly code: ErrorCode
  /** The refused fields, for `invalid_input`. */
  readonly errors: FieldError[]
  /** More members of the answer, such as the children that block a removal. */
  readonly details: Record<string, unknown>
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      errors?: FieldError[]
      details?: Record<string, unknown>
      retryAfterSeconds?: number
      cause?: unknown
    } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.errors = options.errors ?? []
    this.details = options.details ?? {}
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** An error for one refused field. */
export const invalidField = (field: string, message: string) =>
  new DomainError('invalid_input', `${field}: ${message}`, { errors: [{ field, message }] })

export const workspaceNotFound = () => new DomainError('not_found', 'workspace not found')
