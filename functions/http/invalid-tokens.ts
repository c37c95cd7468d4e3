// Tokens that do not exist: refused from memory or after a lookup of bounded cost (lib/auth/token-lookup.ts), and
// logged at intervals. A token that exists is never refused here, however many invalid ones its address has sent.
import type { Services } from '../../lib/control-plane/services.ts'
import { DomainError } from '../../lib/platform/errors.ts'

/** Invalid tokens of one address are logged at the first one and at each multiple of this number. */
const LOG_EVERY = 30

export const invalidToken = () =>
  new DomainError(
    'unauthenticated',
    'this token is not valid: check it, or ask an administrator for another one (POST /tokens)',
  )

/**
 * On Workers, where lookups are not batched, only from memory: the use of the token is the lookup there.
 * @param hash of the token
 * @param refuse creates the error for a token that does not exist
 * @throws DomainError `rate_limited` when very many unknown tokens of the address wait for their lookup
 */
export async function rejectUnknownToken(
  services: Pick<Services, 'failedAttempts' | 'log' | 'tokenLookup'>,
  hash: string,
  address: string,
  refuse: () => DomainError = invalidToken,
): Promise<void> {
  const { failedAttempts, tokenLookup } = services
  if (failedAttempts.isKnownValid(hash)) return
  if (failedAttempts.isKnownInvalid(hash)) throw refuse()
  if (!tokenLookup.isBatched) return
  if (await tokenLookup.exists(hash, address)) {
    failedAttempts.recordValid(hash)
    return
  }
  recordInvalidToken(services, hash, address)
  throw refuse()
}

/** @returns how many invalid ones the sender has sent within a minute */
export function recordInvalidToken(
  { failedAttempts, log }: Pick<Services, 'failedAttempts' | 'log'>,
  hash: string,
  sender: string,
): number {
  const count = failedAttempts.recordInvalid(sender, hash)
  if (count === 1 || count % LOG_EVERY === 0) log('warn', 'invalid tokens', { address: sender, count })
  return count
}
