// How much one caller may ask and one workspace is asked at once. Counted in this process: replicas and isolates each have
// their own count, which is enough to stop a loop that has run wild.
import { ProxyError } from './proxy-error.ts'

const WINDOW_MS = 60_000

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
}

/** @param options `perMinute`: 0 for no limit */
export function createLimits(options: { perMinute: number; maxInFlight: number; now: () => number }): Limits {
  const { maxInFlight, now, perMinute } = options
  const policy = `"a2a";q=${perMinute};w=${WINDOW_MS / 1000}`
  const counts = new Map<string, number>()
  const inFlight = new Map<string, number>()
  let windowEnds = 0

  return {
    countRequest(caller) {
      if (perMinute === 0) return {}
      const at = now()
      if (at >= windowEnds) {
        counts.clear()
        windowEnds = at - (at % WINDOW_MS) + WINDOW_MS
      }
      const used = (counts.get(caller) ?? 0) + 1
      const seconds = Math.ceil((windowEnds - at) / 1000)
      if (used > perMinute) {
        throw new ProxyError('RATE_LIMITED', `more than ${perMinute} requests a minute: slow down`, {
          retryAfterSeconds: seconds,
        })
      }
      counts.set(caller, used)
      return { 'ratelimit-policy': policy, ratelimit: `"a2a";r=${perMinute - used};t=${seconds}` }
    },

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
