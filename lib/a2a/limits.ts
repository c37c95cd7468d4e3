// How much one caller may ask and one workspace is asked at once. Counted in this process (lib/rate-counter.ts).
import { createRateCounter } from '../rate-counter.ts'
import { ProxyError } from './proxy-error.ts'

export type Limits = {
  /**
   * Counts one request of a caller.
   * @returns the `RateLimit` headers of the answer (draft-ietf-httpapi-ratelimit-headers); none when there is no limit
   * @throws ProxyError RATE_LIMITED
   */
  countRequest(caller: string): Record<string, string>
  /** Takes a place at a workspace. @throws ProxyError TOO_MANY_REQUESTS_IN_FLIGHT */
  enter(workspaceId: string): void
  leave(workspaceId: string): void
  /** Workspaces at which places are taken. */
  taken(): string[]
  /** Places taken, at all workspaces together. */
  inFlight(): number
}

/** @param options `perMinute`: 0 for no limit */
export function createLimits(options: { perMinute: number; maxInFlight: number; now: () => number }): Limits {
  const { maxInFlight, now, perMinute } = options
  const inFlight = new Map<string, number>()
  const count = createRateCounter({ policy: 'a2a', perMinute, now })

  return {
    countRequest(caller) {
      const { headers, retryAfterSeconds } = count(caller)
      if (retryAfterSeconds === undefined) return headers
      throw new ProxyError('RATE_LIMITED', `more than ${perMinute} requests a minute: slow down`, {
        retryAfterSeconds,
      })
    },

    taken: () => [...inFlight.keys()],

    inFlight: () => [...inFlight.values()].reduce((sum, one) => sum + one, 0),

    enter(workspaceId) {
      const others = inFlight.get(workspaceId) ?? 0
      if (others >= maxInFlight) {
        const message = `the workspace is busy with ${others} requests: wait for one to end`
        throw new ProxyError('TOO_MANY_REQUESTS_IN_FLIGHT', message)
      }
      inFlight.set(workspaceId, others + 1)
    },

    leave(workspaceId) {
      const others = (inFlight.get(workspaceId) ?? 1) - 1
      if (others === 0) inFlight.delete(workspaceId)
      else inFlight.set(workspaceId, others)
    },
  }
}
