// The retry policy, as one table and one pure function. Fly counts requests per action and machine, and a repeated
// create is a second machine with a second bill, so the policy repeats little.

import type { FlyAction } from './actions.ts'
import type { FlyError } from './errors.ts'

/** Why an attempt failed, as far as repeating it is concerned. `slow` is Fly's 408, `timeout` our own timeout. */
type Cause = 'rate_limited' | 'gateway' | 'server' | 'slow' | 'timeout' | 'network'

/**
 * The causes on which each kind of action is repeated (docs/facts/fly.md §6):
 * - `repeatable`: reads, and writes that have the same result however often they are made.
 * - `wait`: like `repeatable`, but its 408 is a result, and our timeout is longer than Fly's.
 * - `power`: repeated only when Fly probably did not begin; otherwise the caller reads the machine's state.
 * - `once`: may have been carried out without an answer, and a second one has a cost. Only a 429 proves that it was
 *   not.
 */
const REPEATED_ON = {
  repeatable: ['rate_limited', 'gateway', 'server', 'slow', 'timeout', 'network'],
  wait: ['rate_limited', 'gateway', 'server', 'network'],
  power: ['rate_limited', 'gateway', 'network'],
  once: ['rate_limited'],
} as const satisfies Record<string, readonly Cause[]>

const KIND: Record<FlyAction, keyof typeof REPEATED_ON> = {
  create_machine: 'once',
  get_machine: 'repeatable',
  list_machines: 'repeatable',
  update_machine: 'once',
  start_machine: 'power',
  stop_machine: 'power',
  suspend_machine: 'power',
  restart_machine: 'power',
  uncordon_machine: 'repeatable',
  wait_machine: 'wait',
  destroy_machine: 'repeatable',
  list_events: 'repeatable',
  // A command may have run although its answer was lost.
  exec: 'once',
  get_logs: 'repeatable',
  get_metadata: 'repeatable',
  set_metadata: 'repeatable',
  patch_metadata: 'repeatable',
  delete_metadata: 'repeatable',
  // A lost answer leaves a lease with an unknown nonce, which refuses the repetition.
  acquire_lease: 'once',
  get_lease: 'repeatable',
  release_lease: 'repeatable',
  get_app: 'repeatable',
  // App names are unique, and apps.ts recognizes an app that an earlier attempt created.
  create_app: 'repeatable',
  list_ips: 'repeatable',
  assign_ip: 'once',
  update_secrets: 'repeatable',
  list_secrets: 'repeatable',
  list_volumes: 'repeatable',
  create_volume: 'once',
  get_volume: 'repeatable',
  destroy_volume: 'repeatable',
  // To a size, not by a size.
  extend_volume: 'repeatable',
  list_snapshots: 'repeatable',
  create_snapshot: 'once',
  current_token: 'repeatable',
  list_regions: 'repeatable',
}

/** A 429 ends with time; other failures end at once or should reach the caller. */
const MAX_RETRIES = { rate_limited: 3, other: 2 }
/** Fly allows one request a second per action (docs/facts/fly.md §6), so a 429 needs a spread of a second or more. */
const BASE_MS = { rate_limited: 1000, other: 250 }
const CAP_MS = 8000

/** The default of `retryWithinMs`. */
export const RETRY_WITHIN_MS = 30_000

export type FailedAttempt = {
  action: FlyAction
  /** 1 for the first. */
  attempt: number
  failure: Pick<FlyError, 'code' | 'status' | 'retryAfterMs'>
  /** Milliseconds since the first attempt began. */
  elapsedMs: number
  retryWithinMs: number
  /** In [0, 1). */
  random: number
}

/**
 * The pause before the next attempt in milliseconds; undefined when there must be none. Full jitter under a doubling
 * ceiling. Retry-After is the minimum; one that exceeds the remaining time ends the call.
 */
export function retryDelay({
  action,
  attempt,
  failure,
  elapsedMs,
  retryWithinMs,
  random,
}: FailedAttempt): number | undefined {
  const cause = causeOf(failure)
  const repeatedOn: readonly Cause[] = REPEATED_ON[KIND[action]]
  if (cause === undefined || !repeatedOn.includes(cause)) return undefined
  const pace = cause === 'rate_limited' ? 'rate_limited' : 'other'
  if (attempt > MAX_RETRIES[pace]) return undefined
  const ceiling = Math.min(CAP_MS, BASE_MS[pace] * 2 ** (attempt - 1))
  const delay = Math.max(Math.ceil(random * ceiling), failure.retryAfterMs ?? 0)
  return elapsedMs + delay <= retryWithinMs ? delay : undefined
}

function causeOf({ code, status }: FailedAttempt['failure']): Cause | undefined {
  if (code === 'network') return 'network'
  if (status === 408) return 'slow'
  if (code === 'timeout') return 'timeout'
  if (status === 429) return 'rate_limited'
  if (status === 502 || status === 503) return 'gateway'
  return status >= 500 ? 'server' : undefined
}
