// Rate limits per caller in windows of a minute, counted by this process alone. Each replica and isolate has its own
// count, which is enough to stop a client in a loop. Limits that replicas share are in distributed-rate-limit.ts.

const WINDOW_MS = 60_000

/** Callers that are counted in one window; further ones are not limited. Bounds the memory. */
const MAX_CALLERS = 100_000

export type RateCount = {
  /** `RateLimit` headers for the answer (draft-ietf-httpapi-ratelimit-headers); none without a limit. */
  headers: Record<string, string>
  /** Set when this request exceeds the limit: seconds until the next window. */
  retryAfterSeconds: number | undefined
}

export type RateCounter = (caller: string) => RateCount

/** @param options `policy`: the limit's name for callers; `perMinute`: 0 for no limit; `now`: milliseconds that never go back */
export function createRateCounter(options: {
  policy: string
  perMinute: number
  now: () => number
}): RateCounter {
  const { now, perMinute, policy } = options
  const counts = new Map<string, number>()
  const policyHeader = `"${policy}";q=${perMinute};w=${WINDOW_MS / 1000}`
  let windowEnds = 0

  return (caller) => {
    if (perMinute === 0) return { headers: {}, retryAfterSeconds: undefined }
    const at = now()
    if (at >= windowEnds) {
      counts.clear()
      windowEnds = at - (at % WINDOW_MS) + WINDOW_MS
    }
    const used = (counts.get(caller) ?? 0) + 1
    if (counts.size < MAX_CALLERS || counts.has(caller)) counts.set(caller, used)
    const seconds = Math.ceil((windowEnds - at) / 1000)
    const headers = {
      'ratelimit-policy': policyHeader,
      ratelimit: `"${policy}";r=${Math.max(0, perMinute - used)};t=${seconds}`,
    }
    return { headers, retryAfterSeconds: used > perMinute ? seconds : undefined }
  }
}
