// When a delivery is tried again, when it is given up, and how long an endpoint that is down is left alone. Pure.

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The first pause at most; each next one is four times as long at most, up to the longest. */
const FIRST_PAUSE_MS = 10 * SECOND
const FACTOR = 4
const LONGEST_PAUSE_MS = 12 * HOUR

/** A delivery is tried a last time so long after the first time. */
const GIVE_UP_MS = 3 * DAY

/** An endpoint that has failed for so long, without a success, is disabled. */
const DISABLE_MS = 5 * DAY

/** Failures in a row from which an endpoint counts as down: it is asked with one delivery at a time, after pauses. */
export const DOWN_AFTER = 5

const LONGEST_REST_MS = 5 * MINUTE

/** A number from 0 up to 1, as Math.random gives. */
export type Random = number

/**
 * When to try again after a failure: exponential with full jitter, so that deliveries that failed together do not come back
 * together. Half of each pause on average, that is after 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, 6 h, and every 6 h then.
 * @param attempts made so far, this one included
 * @param retryAfterMs what the endpoint asked for
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
 * How long an endpoint is left alone after a failure.
 * @param failures in a row, this one included
 * @returns undefined when it need not be
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
 * @returns milliseconds, never more than the longest pause; undefined for what is neither
 */
export function parseRetryAfter(header: string | null, now: Date): number | undefined {
  if (header === null) return undefined
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * SECOND : Date.parse(header) - now.getTime()
  return Number.isNaN(ms) ? undefined : Math.min(LONGEST_PAUSE_MS, Math.max(0, ms))
}
