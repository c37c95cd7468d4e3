// The retry schedule of deliveries. It is pure, so that these tests need no waiting.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isGivenUp, nextAttemptAt, parseRetryAfter, restUntil } from '../../lib/webhooks/retry.ts'

const HOUR = 3_600_000
const start = new Date('2026-01-01T00:00:00Z')
const at = (ms: number) => new Date(start.getTime() + ms)

/** Milliseconds from the first attempt to each attempt, if every attempt fails. */
function attemptsWith(random: () => number, retryAfterMs?: number): number[] {
  const made = [0]
  for (let attempts = 1; ; attempts++) {
    const now = at(made.at(-1) ?? 0)
    const next = nextAttemptAt({ attempts, firstAttemptAt: start, now }, random(), retryAfterMs)
    if (next === undefined) return made
    made.push(next.getTime() - start.getTime())
  }
}

test('the retry schedule is the one in docs/events.md', () => {
  const seconds = attemptsWith(() => 0.5).map((ms) => ms / 1000)
  expect(seconds.slice(0, 8)).toEqual([0, 5, 25, 105, 425, 1_705, 6_825, 27_305])
  expect(seconds.at(-1)).toBe(72 * 3_600)
  expect(seconds).toHaveLength(19)
})

test('a delivery is attempted for three days with a last attempt at the end', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { minLength: 1 }), (jitter) => {
      let n = 0
      const made = attemptsWith(() => jitter[n++ % jitter.length] ?? 0.5)
      expect(made.at(-1)).toBe(72 * HOUR)
      expect(made).toEqual(made.toSorted((a, b) => a - b))
      for (const [index, ms] of made.entries()) {
        expect(ms - (made[index - 1] ?? 0)).toBeLessThanOrEqual(
          Math.min(12 * HOUR, 10_000 * 4 ** (index - 1)),
        )
      }
    }),
  )
})

test('Retry-After is the shortest pause and does not extend the three days', () => {
  expect(attemptsWith(() => 0.1, 24 * HOUR).map((ms) => ms / HOUR)).toEqual([0, 24, 48, 72])
})

test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Thu, 01 Jan 2026 00:10:00 GMT', 600_000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['31536000', 12 * HOUR],
  ['Fri, 01 Jan 2027 00:00:00 GMT', 12 * HOUR],
  ['soon', undefined],
  ['', undefined],
  [null, undefined],
])('Retry-After: %s is %s ms', (header, ms) => {
  expect(parseRetryAfter(header, start)).toBe(ms)
})

test('an endpoint is down from its fifth failure in a row, for five minutes at most', () => {
  expect(restUntil(4, start, 0.999)).toBeUndefined()
  expect(restUntil(5, start, 0.5)).toEqual(at(5_000))
  expect(restUntil(500, start, 0.999)?.getTime()).toBeLessThan(at(300_000).getTime())
  expect(restUntil(1, start, 0.5, HOUR)).toEqual(at(HOUR))
})

test('five days without a success disable an endpoint', () => {
  expect(isGivenUp(start, at(5 * 24 * HOUR - 1))).toBe(false)
  expect(isGivenUp(start, at(5 * 24 * HOUR))).toBe(true)
})
