// How much one caller may ask and one workspace is asked at once. Counted in this process (lib/platform/rate-limit.ts).
import { createRateCounter } from '../platform/rate-limit.ts'
import { ProxyError } from './errors/proxy-error.ts'

/** One of a workspace's places, for as long as a request is under way. */
export type RequestSlot = {
  /** Says that the request lives. */
  touch(): void
  /** Says that its answer is a stream. */
  markStreaming(): void
  release(): void
}

export type Limits = {
  /**
   * Counts one request of a caller.
   * @returns the `RateLimit` headers of the answer (draft-ietf-httpapi-ratelimit-headers); none when there is no limit
   * @throws ProxyError RATE_LIMITED
   */
  countRequest(caller: string): Record<string, string>
  /** Takes a place at a workspace. @throws ProxyError TOO_MANY_REQUESTS_IN_FLIGHT */
  acquire(workspaceId: string): RequestSlot
  /** Workspaces at which places are taken. */
  busyWorkspaces(): string[]
  /** Places taken, at all workspaces together, and those of them whose answer is a stream. */
  inFlight(): { requests: number; streams: number }
}

/** When it was heard of last, and what its answer is. */
type Taken = { seenAt: number; isStream: boolean }

type Options = {
  /** 0 for no limit. */
  perMinute: number
  maxInFlight: number
  /**
   * For how long a request may be unheard of, in milliseconds. A Worker whose caller hangs up is ended without being told, in the
   * middle of whatever it does: its place has to come free by itself.
   */
  forgetMs: number
  now: () => number
}

export function createLimits({ forgetMs, maxInFlight, now, perMinute }: Options): Limits {
  const inFlight = new Map<string, Map<RequestSlot, Taken>>()
  const count = createRateCounter({ policy: 'a2a', perMinute, now })

  function placesAt(workspaceId: string): Map<RequestSlot, Taken> {
    const places = inFlight.get(workspaceId) ?? new Map<RequestSlot, Taken>()
    if (places.size < maxInFlight) return places
    for (const [place, { seenAt }] of places) if (seenAt + forgetMs <= now()) places.delete(place)
    return places
  }

  return {
    countRequest(caller) {
      const { headers, retryAfterSeconds } = count(caller)
      if (retryAfterSeconds === undefined) return headers
      throw new ProxyError('RATE_LIMITED', `more than ${perMinute} requests a minute: slow down`, {
        retryAfterSeconds,
      })
    },

    busyWorkspaces: () => [...inFlight.keys()],

    inFlight() {
      const taken = [...inFlight.values()].flatMap((places) => [...places.values()])
      return { requests: taken.length, streams: taken.filter(({ isStream }) => isStream).length }
    },

    acquire(workspaceId) {
      const places = placesAt(workspaceId)
      if (places.size >= maxInFlight) {
        const message = `the workspace is busy with ${places.size} requests: wait for one to end`
        throw new ProxyError('TOO_MANY_REQUESTS_IN_FLIGHT', message)
      }
      const taken: Taken = { seenAt: now(), isStream: false }
      const place: RequestSlot = {
        touch: () => void (taken.seenAt = now()),
        markStreaming: () => void (taken.isStream = true),
        release() {
          places.delete(place)
          if (places.size === 0 && inFlight.get(workspaceId) === places) inFlight.delete(workspaceId)
        },
      }
      inFlight.set(workspaceId, places.set(place, taken))
      return place
    },
  }
}
