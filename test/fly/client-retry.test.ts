import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FlyAction } from '../../lib/fly/actions.ts'
import type { FlyErrorCode } from '../../lib/fly/errors.ts'
import { retryDelay } from '../../lib/fly/retry.ts'

type Failure = { code: FlyErrorCode; status: number; retryAfterMs: number | undefined }

const failures = {
  408: { code: 'timeout', status: 408, retryAfterMs: undefined },
  429: { code: 'rate_limited', status: 429, retryAfterMs: undefined },
  500: { code: 'platform', status: 500, retryAfterMs: undefined },
  502: { code: 'platform', status: 502, retryAfterMs: undefined },
  503: { code: 'platform', status: 503, retryAfterMs: undefined },
  504: { code: 'platform', status: 504, retryAfterMs: undefined },
  network: { code: 'network', status: 0, retryAfterMs: undefined },
  timeout: { code: 'timeout', status: 0, retryAfterMs: undefined },
  aborted: { code: 'aborted', status: 0, retryAfterMs: undefined },
  budget: { code: 'budget_exhausted', status: 0, retryAfterMs: undefined },
  malformed: { code: 'malformed_answer', status: 200, retryAfterMs: undefined },
  401: { code: 'unauthorized', status: 401, retryAfterMs: undefined },
  404: { code: 'machine_not_found', status: 404, retryAfterMs: undefined },
  409: { code: 'lease_held', status: 409, retryAfterMs: undefined },
  412: { code: 'wrong_state', status: 412, retryAfterMs: undefined },
} as const satisfies Record<string, Failure>

const delayOf = (
  action: FlyAction,
  failure: Failure,
  more: { attempt?: number; elapsedMs?: number; random?: number } = {},
) => retryDelay({ action, failure, attempt: 1, elapsedMs: 0, retryWithinMs: 30_000, random: 0.5, ...more })

const EVERY_FAILURE = ['408', '429', '500', '502', '503', '504', 'network', 'timeout']
const POWER_ACTIONS = ['429', '502', '503', 'network']
const table: Record<FlyAction, string[]> = {
  get_machine: EVERY_FAILURE,
  list_machines: EVERY_FAILURE,
  destroy_machine: EVERY_FAILURE,
  list_events: EVERY_FAILURE,
  get_logs: EVERY_FAILURE,
  get_metadata: EVERY_FAILURE,
  set_metadata: EVERY_FAILURE,
  patch_metadata: EVERY_FAILURE,
  delete_metadata: EVERY_FAILURE,
  get_lease: EVERY_FAILURE,
  release_lease: EVERY_FAILURE,
  get_app: EVERY_FAILURE,
  create_app: EVERY_FAILURE,
  list_ips: EVERY_FAILURE,
  update_secrets: EVERY_FAILURE,
  list_secrets: EVERY_FAILURE,
  list_volumes: EVERY_FAILURE,
  get_volume: EVERY_FAILURE,
  destroy_volume: EVERY_FAILURE,
  extend_volume: EVERY_FAILURE,
  list_snapshots: EVERY_FAILURE,
  current_token: EVERY_FAILURE,
  list_regions: EVERY_FAILURE,
  wait_machine: ['429', '500', '502', '503', '504', 'network'],
  start_machine: POWER_ACTIONS,
  stop_machine: POWER_ACTIONS,
  suspend_machine: POWER_ACTIONS,
  restart_machine: POWER_ACTIONS,
  uncordon_machine: EVERY_FAILURE,
  create_machine: ['429'],
  update_machine: ['429'],
  acquire_lease: ['429'],
  assign_ip: ['429'],
  exec: ['429'],
  create_volume: ['429'],
  create_snapshot: ['429'],
}

describe('the retry policy', () => {
  it.each(Object.entries(table) as [FlyAction, string[]][])(
    'the retry policy repeats %s on %j only',
    (action, expected) => {
      const repeated = Object.entries(failures).flatMap(([name, failure]) =>
        delayOf(action, failure) === undefined ? [] : [name],
      )
      expect(repeated.toSorted()).toEqual(expected.toSorted())
    },
  )

  it.each([
    ['429', failures[429], [500, 1000, 2000, undefined]],
    ['503', failures[503], [125, 250, undefined, undefined]],
    ['network', failures.network, [125, 250, undefined, undefined]],
  ])('the retry policy pauses longer after each %s and then gives up', (_, failure, delays) => {
    expect([1, 2, 3, 4].map((attempt) => delayOf('get_machine', failure, { attempt }))).toEqual(delays)
  })

  it('Retry-After is the shortest pause', () => {
    expect(delayOf('get_machine', { ...failures[429], retryAfterMs: 7000 })).toBe(7000)
    expect(delayOf('get_machine', { ...failures[429], retryAfterMs: 100 })).toBe(500)
  })

  it('no attempt begins after the retry window', () => {
    expect(delayOf('get_machine', failures[429], { elapsedMs: 29_500 })).toBe(500)
    expect(delayOf('get_machine', failures[429], { elapsedMs: 29_501 })).toBeUndefined()
    expect(delayOf('get_machine', { ...failures[429], retryAfterMs: 31_000 })).toBeUndefined()
  })

  it('a pause is never longer than the window or shorter than Retry-After', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(table) as FlyAction[])),
        fc.constantFrom(...Object.values(failures)),
        fc.record({
          attempt: fc.integer({ min: 1, max: 50 }),
          elapsedMs: fc.nat(60_000),
          retryWithinMs: fc.nat(60_000),
          random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        }),
        fc.option(fc.nat(60_000), { nil: undefined }),
        (action, failure, facts, after) => {
          const delay = retryDelay({ action, ...facts, failure: { ...failure, retryAfterMs: after } })
          if (delay === undefined) return
          expect(facts.attempt).toBeLessThanOrEqual(3)
          expect(delay).toBeGreaterThanOrEqual(after ?? 0)
          expect(facts.elapsedMs + delay).toBeLessThanOrEqual(facts.retryWithinMs)
        },
      ),
    )
  })
})
