// Turns whatever a person pasted as "the Fly token" into the Authorization header the Machines API expects. `fly tokens
// create` prints `FlyV1 fm2_…`, the documentation puts the same value after `Bearer`, and a token may be a list.

const SCHEMES = /^(?:(?:bearer|flyv1)(?:\s+|$))+/i
const MACAROON = /^(?:fm1r_|fm1a_|fm2_)/
// What a header value can carry. Anything else would make fetch fail with a message that quotes the token.
const SENDABLE = /^[\x21-\x7e]+$/

/**
 * The single tokens inside a pasted value, without scheme words and blanks.
 *
 * @throws {Error} when no token is left, or when one holds a character no header can carry. Neither message quotes the token.
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
    throw new Error('the Fly token holds a blank or a character that no header can carry')
  }
  return parts
}

/**
 * The Authorization header for a token: macaroons go as `FlyV1 a,b`, and when there is any macaroon only macaroons go;
 * anything else goes as `Bearer x` (fly.md §1.2).
 *
 * @throws {Error} as {@link splitToken}.
 */
export function authorizationHeader(token: string): string {
  const parts = splitToken(token)
  const macaroons = parts.filter((part) => MACAROON.test(part))
  return macaroons.length > 0 ? `FlyV1 ${macaroons.join(',')}` : `Bearer ${parts.join(',')}`
}
