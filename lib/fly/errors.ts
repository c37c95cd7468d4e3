// The error that this client throws for every failed call. Its fields hold everything that a caller decides by, so no
// other code reads Fly's texts.

import type { FlyAction } from './actions.ts'

/**
 * Where Fly answered, refusals.ts assigns the code. The others are ours: `timeout` (also Fly's 408), `network`,
 * `aborted` (the caller's signal), `budget_exhausted` (nothing was sent) and `malformed_answer` (a 2xx that cannot be
 * parsed).
 */
export type FlyErrorCode =
  | 'unauthorized'
  | 'forbidden'
  | 'quota'
  | 'app_not_found'
  | 'machine_not_found'
  | 'lease_not_found'
  | 'volume_not_found'
  | 'not_found'
  | 'name_taken'
  | 'app_name_taken'
  | 'lease_held'
  | 'version_mismatch'
  | 'concurrent_update'
  | 'conflict'
  | 'wrong_state'
  | 'volume_in_use'
  | 'secrets_not_ready'
  | 'insufficient_capacity'
  | 'rate_limited'
  | 'image_unpullable'
  | 'invalid_request'
  | 'platform'
  | 'timeout'
  | 'network'
  | 'aborted'
  | 'budget_exhausted'
  | 'malformed_answer'

/**
 * What has no capacity. The remedies differ: another region, another host, a fork of the volume, a quota
 * (docs/facts/fly.md §8.3).
 */
export type CapacityScope = 'region' | 'host' | 'volume' | 'quota'

export type FlyErrorFacts = {
  action: FlyAction
  code: FlyErrorCode
  status: number
  retryable: boolean
  applied: 'no' | 'unknown'
  capacityScope?: CapacityScope | undefined
  requestId?: string | undefined
  existingMachineId?: string | undefined
  retryAfterMs?: number | undefined
  app?: string | undefined
  machineId?: string | undefined
  flyText?: string | undefined
}

export class FlyError extends Error {
  override name = 'FlyError'
  readonly action: FlyAction
  readonly code: FlyErrorCode
  /** The HTTP status; 0 when Fly did not answer. */
  readonly status: number
  /** Whether the same call may succeed later. `applied` says whether repeating it is safe. */
  readonly retryable: boolean
  /**
   * `unknown`: this attempt, or an earlier one of the same call, may have been carried out. Always `no` for reads.
   */
  readonly applied: 'no' | 'unknown'
  readonly capacityScope: CapacityScope | undefined
  /** Fly's `fly-request-id`, for its support. */
  readonly requestId: string | undefined
  /** With `name_taken`: the machine that has the name (docs/facts/fly.md §2.2). */
  readonly existingMachineId: string | undefined
  /** The answer's Retry-After, in milliseconds from its arrival. */
  readonly retryAfterMs: number | undefined
  /** The app and the machine of the call, if it was about one. */
  readonly app: string | undefined
  readonly machineId: string | undefined
  /** Fly's own text, at most 300 characters, without our token; undefined when Fly sent none. */
  readonly flyText: string | undefined

  constructor(message: string, facts: FlyErrorFacts, options?: ErrorOptions) {
    super(message, options)
    this.action = facts.action
    this.code = facts.code
    this.status = facts.status
    this.retryable = facts.retryable
    this.applied = facts.applied
    this.capacityScope = facts.capacityScope
    this.requestId = facts.requestId
    this.existingMachineId = facts.existingMachineId
    this.retryAfterMs = facts.retryAfterMs
    this.app = facts.app
    this.machineId = facts.machineId
    this.flyText = facts.flyText
  }
}

/** Whether Fly answered with this status. A timeout of our own is not a 408. */
export function isAnswer(error: unknown, status: number): error is FlyError {
  return error instanceof FlyError && error.status === status
}
