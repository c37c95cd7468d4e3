// What a caller gets when the provider refuses a call that only the provider can answer.
import { DomainError } from '../platform/errors.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'

/** @throws DomainError `unavailable` with the provider's own words; any other error unchanged */
export function unavailable(error: unknown): never {
  if (!(error instanceof ProvisionError)) throw error
  const { hint, message, provider, retryAfterMs } = error.problem
  throw new DomainError('unavailable', `${message} ${hint}`, {
    cause: error,
    ...(provider === undefined ? {} : { details: { provider } }),
    ...(retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }),
  })
}
