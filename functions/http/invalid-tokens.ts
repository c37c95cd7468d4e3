// Callers whose token was wrong, at every door that asks for one: told from memory, slowed down by address, and logged now and
// then (lib/auth/failed-attempts.ts).
import { DomainError } from '../../lib/platform/errors.ts'
import type { Services } from '../../lib/control-plane/services.ts'

/** How often an address's wrong tokens are logged: the first, and each so-many-th. */
const LOG_EVERY = 30

/** @throws DomainError `unauthenticated` for a credential that was wrong a moment ago; `rate_limited` */
export function throttleInvalidTokens(services: Services, credential: string, address: string): void {
  if (services.failedAttempts.isKnownWrong(credential)) throw invalidToken()
  waitAfterGuesses(services, credential, address)
}

/** @throws DomainError `rate_limited` */
export function waitAfterGuesses({ failedAttempts }: Services, credential: string, address: string): void {
  const seconds = failedAttempts.mustWait(address, credential)
  if (seconds === undefined) return
  throw new DomainError('rate_limited', 'too many wrong tokens from this address: wait', {
    retryAfterSeconds: seconds,
  })
}

export function recordInvalidToken(
  { failedAttempts, log }: Services,
  credential: string,
  address: string,
): void {
  const count = failedAttempts.note(address, credential)
  if (count === 1 || count % LOG_EVERY === 0) log('warn', 'wrong tokens', { address, count })
}

export const invalidToken = () => new DomainError('unauthenticated', 'this token is not valid')
