// Invalid tokens, on every route that takes one: answered from memory, throttled by client address, and logged at intervals
// (lib/auth/failed-attempts.ts).
import type { Services } from '../../lib/control-plane/services.ts'
import { DomainError } from '../../lib/platform/errors.ts'

/** Invalid tokens of one address are logged at the first one and at each multiple of this number. */
const LOG_EVERY = 30

/** @throws DomainError `unauthenticated` for a credential that was invalid seconds ago; `rate_limited` */
export function throttleInvalidTokens(services: Services, credential: string, address: string): void {
  if (services.failedAttempts.isKnownWrong(credential)) throw invalidToken()
  waitAfterGuesses(services, credential, address)
}

/** @throws DomainError `rate_limited` */
export function waitAfterGuesses({ failedAttempts }: Services, credential: string, address: string): void {
  const seconds = failedAttempts.mustWait(address, credential)
  if (seconds === undefined) return
  throw new DomainError('rate_limited', 'too many invalid tokens from this address: wait', {
    retryAfterSeconds: seconds,
  })
}

export function recordInvalidToken(
  { failedAttempts, log }: Services,
  credential: string,
  address: string,
): void {
  const count = failedAttempts.note(address, credential)
  if (count === 1 || count % LOG_EVERY === 0) log('warn', 'invalid tokens', { address, count })
}

export const invalidToken = () => new DomainError('unauthenticated', 'this token is not valid')
