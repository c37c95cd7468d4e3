// Leases on machines. While a lease is held, Fly refuses every write without its nonce, and the Fly Proxy cannot
// start the machine: hold leases briefly and always release them (docs/facts/fly.md §2.4, §11.6).

import { FlyError, isAnswer } from './errors.ts'
import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'
import type { Lease, LeaseView } from './shapes.ts'

/** Calls about leases; all throw FlyError. */
export function leaseCalls(request: Requester) {
  const pathOf = (app: string, id: string) => ['v1', 'apps', app, 'machines', id, 'lease']

  return {
    /** Throws `lease_held` while another lease exists. With `options.leaseNonce`, extends that lease. */
    async acquireLease(
      app: string,
      id: string,
      { ttlSeconds, description }: { ttlSeconds: number; description: string },
      options: CallOptions = {},
    ): Promise<Lease> {
      const { body } = await request({
        action: 'acquire_lease',
        method: 'POST',
        path: pathOf(app, id),
        app,
        body: { ttl: ttlSeconds, description },
        read: shapes.lease,
        options,
      })
      return body
    },

    /** The current lease, or null. */
    async getLease(app: string, id: string, options: CallOptions = {}): Promise<LeaseView | null> {
      try {
        const { body } = await request({
          action: 'get_lease',
          method: 'GET',
          path: pathOf(app, id),
          app,
          read: shapes.leaseView,
          options,
        })
        return body
      } catch (error) {
        if (error instanceof FlyError && error.code === 'lease_not_found') return null
        throw error
      }
    },

    /** Releases a lease. `found: false`: it had expired. */
    async releaseLease(
      app: string,
      id: string,
      nonce: string,
      options: Omit<CallOptions, 'leaseNonce'> = {},
    ): Promise<{ found: boolean }> {
      try {
        await request({
          action: 'release_lease',
          method: 'DELETE',
          path: pathOf(app, id),
          app,
          options: { ...options, leaseNonce: nonce },
        })
        return { found: true }
      } catch (error) {
        if (isAnswer(error, 404)) return { found: false }
        throw error
      }
    },
  }
}
