// Fly's rate limits (docs/facts/fly.md §6): one bucket for each action and machine, or for each action and app where
// the action has no machine.

import { FlyError } from '../shared/fly-error.ts'

type Limit = { perSecond: number; burst: number }

/** The documented limit for reading one machine. */
const READ: Limit = { perSecond: 5, burst: 10 }

const LIMITS: Record<string, Limit> = {
  'machine.get': READ,
  // Not documented. flyctl lists the machines of an app four times within 100 ms (`secrets set`, `scale count`), and works
  // on Fly, so the default limit cannot be the one for lists.
  'machine.list': READ,
  'app.delete': { perSecond: 100 / 60, burst: 100 },
}
const DEFAULT_LIMIT: Limit = { perSecond: 1, burst: 3 }

export type RateLimits = {
  /** @throws FlyError 429 when the bucket of `action` and `identifier` is empty */
  take: (action: string, identifier: string) => void
}

export function createRateLimits(now: () => number): RateLimits {
  const buckets = new Map<string, { tokens: number; at: number }>()
  return {
    take(action, identifier) {
      const limit = LIMITS[action] ?? DEFAULT_LIMIT
      const key = `${action} ${identifier}`
      const time = now()
      const bucket = buckets.get(key) ?? { tokens: limit.burst, at: time }
      const refilled = bucket.tokens + (Math.max(0, time - bucket.at) / 1000) * limit.perSecond
      const tokens = Math.min(limit.burst, refilled)
      if (tokens < 1) {
        buckets.set(key, { tokens, at: time })
        // The exact body is not known. The log of Fly's proxy has this text (docs/facts/fly.md §6). No Retry-After is documented.
        throw new FlyError(429, 'rate limit exceeded')
      }
      buckets.set(key, { tokens: tokens - 1, at: time })
    },
  }
}
