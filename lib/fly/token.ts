// Makes the Authorization header of the Machines API from a pasted token. `fly tokens create` prints `FlyV1 fm2_…`,
// Fly's documentation puts the same value after `Bearer`, and a token may be a list.

const SCHEMES = /^(?:(?:bearer|flyv1)(?:\s+|$))+/i
const MACAROON = /^(?:fm1r_|fm1a_|fm2_)/
// The characters of a header value. With others, fetch fails with a message that quotes the token.
const SENDABLE = /^[\x21-\x7e]+$/

/**
 * The tokens in a pasted value, without schemes and spaces.
 *
 * @throws {Error} when no token is left, or one has a character that a header cannot contain. No message quotes the
 *   token
 */
export function splitToken(pasted: string): string[] {
  const parts = pasted
    .trim()
    .replace(SCHEMES, '')
    .split(',')
    .map((part) => part.trim().replace(SCHEMES, ''))
    .filter((part) => part !== '')
  if (parts.length === 0) throw new Error('the Fly token is empty')
  if (!parts.every((part) => SENDABLE.test(part))) {
    throw new Error('the Fly token contains a space or a character that a header cannot contain')
  }
  return parts
}

/**
 * The Authorization header: `FlyV1 a,b` with the macaroons, if there are any; otherwise `Bearer x` (docs/facts/fly.md
 * §1.2).
 *
 * @throws {Error} like {@link splitToken}
 */
export function authorizationHeader(token: string): string {
  const parts = splitToken(token)
  const macaroons = parts.filter((part) => MACAROON.test(part))
  return macaroons.length > 0 ? `FlyV1 ${macaroons.join(',')}` : `Bearer ${parts.join(',')}`
}
