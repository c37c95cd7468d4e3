// A failure of the provider as the answer to a request that only the provider can answer.
import { DomainError, type ErrorCode } from '../platform/errors.ts'
import { ProvisionError, type ProvisionProblem } from './provisioner.ts'

const CODES: Partial<Record<ProvisionProblem['code'], ErrorCode>> = {
  unauthorized: 'misconfigured',
  forbidden: 'misconfigured',
  app_not_found: 'misconfigured',
  machine_not_found: 'conflict',
}

/** Problems that only people can end. */
export const isLasting = ({ code }: ProvisionProblem): boolean => CODES[code] !== undefined

const RETRY_SECONDS = 5

/** `reason` is the code of docs/reasons.md. */
export const factsOf = ({ code, hint, message, provider }: ProvisionProblem) => ({
  reason: code,
  message,
  hint,
  ...(provider === undefined ? {} : { provider }),
})

/**
 * A provider's problem as the answer to a request: 503 with `Retry-After`, unless only people can end it. The hints of
 * workspaces say that a step is repeated; a request is repeated by its caller.
 */
export function toRequestError(problem: ProvisionProblem): DomainError {
  const { message, ...details } = factsOf(problem)
  const code = CODES[problem.code]
  if (code !== undefined) return new DomainError(code, message, { details })
  const retryAfterSeconds = Math.ceil((problem.retryAfterMs ?? RETRY_SECONDS * 1000) / 1000)
  if (problem.retryable) details.hint = `Send the request again in ${retryAfterSeconds} s.`
  return new DomainError('unavailable', message, { details, retryAfterSeconds })
}

/** For `catch`: the provider's failure as an answer; any other error unchanged. @throws DomainError */
export function refuseRequest(error: unknown): never {
  throw error instanceof ProvisionError ? toRequestError(error.problem) : error
}
