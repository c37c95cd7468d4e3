// What is about Fly itself and not about one app: who our token is, and where machines can run.

import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'
import type { Region, TokenInfo } from './shapes.ts'

/** Verbs about the platform; all throw FlyError. */
export function platformVerbs(request: Requester) {
  return {
    /** The cheapest way to learn whether the token works: `unauthorized` when not (fly.md §2.8). */
    async currentToken(options: CallOptions = {}): Promise<{ tokens: TokenInfo[] }> {
      const { body } = await request({
        action: 'current_token',
        method: 'GET',
        path: ['v1', 'tokens', 'current'],
        read: shapes.currentToken,
        options,
      })
      return body
    },

    /** `nearest` is near the caller, which for a Worker is wherever it happens to run. */
    async listRegions(options: CallOptions = {}): Promise<{ regions: Region[]; nearest?: string }> {
      const { body } = await request({
        action: 'list_regions',
        method: 'GET',
        path: ['v1', 'platform', 'regions'],
        read: shapes.regionList,
        options,
      })
      return body
    },
  }
}
