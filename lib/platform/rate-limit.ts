// Counts requests per caller in windows of a minute. In this process alone: replicas and isolates each have their own count,
// which is enough to stop a loop that has run wild.

const WINDOW_MS = 60_000

/** Callers that are counted in one window, at most; whoever comes after is not limited. Bounds memory, not people. */
const MOST = 100_000

export type RateCount = {
  /** The `RateLimit` headers of the answer (draft-ietf-httpapi-ratelimit-headers); none when there is no limit. */
  headers: Record<string, string>
  /** Seconds until it may go on, when this one is too many. */
  retryAfterSeconds: number | undefined
}

export type RateCounter = (caller: string) => RateCount

/** @param options `policy` names the limit to callers; `perMinute`: 0 for no limit; `now`: milliseconds since 1970 */
export function createRateCounter(options: {
  policy: string
  perMinute: number
  now: () => number
}): RateCounter {
  const { now, perMinute, policy } = options
  const counts = new Map<string, number>()
  const stated = `"${policy}";q=${perMinute};w=${WINDOW_MS / 1000}`
  let windowEnds = 0

  return (caller) => {
    if (perMinute === 0) return { headers: {}, retryAfterSeconds: undefined }
    const at = now()
    if (at >= windowEnds) {
      counts.clear()
      windowEnds = at - (at % WINDOW_MS) + WINDOW_MS
    }
    const used = (counts.get(caller) ?? 0) + 1
    if (counts.size < MOST || counts.has(caller)) counts.set(caller, used)
    const seconds = Math.ceil((windowEnds - at) / 1000)
    const headers = {
      'ratelimit-policy': stated,
      ratelimit: `"${policy}";r=${Math.max(0, perMinute - used)};t=${seconds}`,
    }
    return { headers, retryAfterSeconds: used > perMinute ? seconds : undefined }
  }
}
