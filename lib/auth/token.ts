// Tokens of agents and API tokens. Only their hashes are stored.
import { sha256 } from '../platform/digest.ts'
import { encodeBase64Url } from '../platform/encoding.ts'

export type MintedToken = { token: string; hash: string; prefix: string }

/**
 * 32 random bytes as base64url (43 characters), the form that Molecule's agents expect (docs/facts/molecule.md §2.2).
 */
export async function mintToken(): Promise<MintedToken> {
  const token = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)))
  return { token, hash: await hashToken(token), prefix: token.slice(0, 8) }
}

/** SHA-256, hex. A token has 256 random bits, so a slow hash would add nothing. */
export const hashToken = (token: string): Promise<string> => sha256(token)

/** Whether a digest equals one of the others. Takes constant time, so that timing does not reveal a prefix. */
export function matchesAny(digest: string, others: readonly string[]): boolean {
  let found = 0
  for (const other of others) {
    let difference = digest.length ^ other.length
    for (let at = 0; at < digest.length; at++) difference |= digest.charCodeAt(at) ^ other.charCodeAt(at)
    found |= Number(difference === 0)
  }
  return found === 1
}
