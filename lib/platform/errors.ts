// Failures by name, in the domain's terms. Doors map them to HTTP and JSON-RPC in one table each (functions/http/problem.ts,
// lib/a2a/wire/json-rpc.ts); whatever is not one of these is our own mistake and shows only a request id.

export type ErrorCode =
  | 'invalid_input'
  | 'too_large'
  | 'unsupported_media_type'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'gone'
  | 'conflict'
  | 'confirmation_required'
  | 'idempotency_mismatch'
  | 'rate_limited'
  | 'method_not_allowed'
  | 'unavailable'
  | 'misconfigured'
  | 'internal'

/** One field of the input that was refused, by its path in the body, query or header. */
export type FieldError = { field: string; message: string }

export class DomainError extends Error {
  override name = 'DomainError'
  readonly code: ErrorCode
  /** Fields that were refused, for `invalid_input`. */
  readonly errors: FieldError[]
  /** Further members of the answer, such as the children that block a removal. */
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

/** One refused field, as an error to throw. */
export const invalidField = (field: string, message: string) =>
  new DomainError('invalid_input', `${field}: ${message}`, { errors: [{ field, message }] })

export const workspaceNotFound = () => new DomainError('not_found', 'workspace not found')
