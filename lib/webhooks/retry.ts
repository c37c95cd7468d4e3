// When a delivery is attempted again, when it is given up, and how long an endpoint that is down is paused. Pure.

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The longest first pause; each further one is up to four times as long, up to the longest. */
const FIRST_PAUSE_MS = 10 * SECOND
const FACTOR = 4
const LONGEST_PAUSE_MS = 12 * HOUR

/** The last attempt comes this long after the first. */
const GIVE_UP_MS = 3 * DAY

/** An endpoint that has failed for this long without a success is disabled. */
const DISABLE_MS = 5 * DAY

/** Consecutive failures from which an endpoint counts as down: it gets one delivery at a time, after pauses. */
export const DOWN_AFTER = 5

const LONGEST_REST_MS = 5 * MINUTE

/** A number from 0 up to, not including, 1, as Math.random returns. */
export type Random = number

/**
 * When to attempt again after a failure: exponential with full jitter, so that deliveries that failed together do not
 * return together. On average after half of each pause, that is after 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, 6 h,
 * and every 6 h then.
 * @param attempts made so far, this one included
 * @param retryAfterMs what the endpoint requested
 * @returns undefined when it is given up
 */
export function nextAttemptAt(
  { attempts, firstAttemptAt, now }: { attempts: number; firstAttemptAt: Date; now: Date },
  random: Random,
  retryAfterMs = 0,
): Date | undefined {
  const giveUpAt = firstAttemptAt.getTime() + GIVE_UP_MS
  if (now.getTime() >= giveUpAt) return undefined
  const pause = random * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * FACTOR ** (attempts - 1))
  return new Date(Math.min(giveUpAt, now.getTime() + Math.max(pause, retryAfterMs)))
}

/**
 * How long an endpoint is paused after a failure.
 * @param failures consecutive ones, this one included
 * @returns undefined without a pause
 */
export function restUntil(failures: number, now: Date, random: Random, retryAfterMs = 0): Date | undefined {
  const rest =
    failures < DOWN_AFTER
      ? 0
      : random * Math.min(LONGEST_REST_MS, FIRST_PAUSE_MS * 2 ** (failures - DOWN_AFTER))
  const ms = Math.max(rest, retryAfterMs)
  return ms === 0 ? undefined : new Date(now.getTime() + ms)
}

export const isGivenUp = (failingSince: Date, now: Date): boolean =>
  now.getTime() - failingSince.getTime() >= DISABLE_MS

/**
 * @param header `Retry-After`: seconds, or a date (RFC 9110 §10.2.3)
 * @returns milliseconds, never more than the longest pause; undefined for anything else
 */
export function parseRetryAfter(header: string | null, now: Date): number | undefined {
  if (header === null) return undefined
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * SECOND : Date.parse(header) - now.getTime()
  return Number.isNaN(ms) ? undefined : Math.min(LONGEST_PAUSE_MS, Math.max(0, ms))
}
