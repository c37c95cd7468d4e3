// Calls that concern no app: the token in use, and the regions.

import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'
import type { Region, TokenInfo } from './shapes.ts'

/** Calls about the platform; all throw FlyError. */
export function platformCalls(request: Requester) {
  return {
    /** The cheapest check of a token; throws `unauthorized` for an invalid one (docs/facts/fly.md §2.8). */
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

    /** `nearest` is the region nearest to the caller; for a Worker, to the data center that runs it. */
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
