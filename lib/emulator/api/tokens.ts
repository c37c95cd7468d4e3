// Checks the Authorization header: organization tokens, and deploy tokens that are good for one app (docs/facts/fly.md
// §1.2).

import type { Cloud } from '../apps/cloud.ts'
import { FlyError } from '../shared/fly-error.ts'

/** What a route needs: a token of its own app, any valid token, or a token of the organization. */
export type Scope = { app: string } | 'any' | 'organization'

export type Tokens = {
  /**
   * The token of an Authorization header, without its schemes: `Bearer x`, `FlyV1 x` and `Bearer FlyV1 x` are the same.
   * @throws FlyError 401 for a missing or wrong token, 403 for a deploy token outside its app
   */
  authenticate(header: string | undefined, scope: Scope, cloud: Cloud): string
  /** A stable name for the holder of a token. */
  ownerOf(token: string): string
}

/** @param accepted the organization's tokens; undefined accepts any that is not empty */
export function createTokens(accepted: string[] | undefined): Tokens {
  const owners = new Map<string, string>()
  return {
    authenticate(header, scope, cloud) {
      const token = (header ?? '')
        .trim()
        .replace(/^((bearer|flyv1)\s+)+/i, '')
        .trim()
      if (token === '') throw invalidToken()
      const limitedTo = cloud.apps().find(({ deployTokens }) => deployTokens.includes(token))
      if (limitedTo !== undefined) {
        const isInScope = scope === 'any' || (typeof scope === 'object' && scope.app === limitedTo.name)
        if (!isInScope) throw new FlyError(403, 'unauthorized')
        return token
      }
      if (accepted !== undefined && !accepted.includes(token)) throw invalidToken()
      return token
    },
    ownerOf(token) {
      const owner = owners.get(token) ?? `${crypto.randomUUID()}@tokens.fly.io`
      owners.set(token, owner)
      return owner
    },
  }
}

const invalidToken = (): FlyError => new FlyError(401, 'Authenticate: token validation error')
