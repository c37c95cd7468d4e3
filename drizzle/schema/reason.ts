// The form in which tables store reasons, and the closed sets of their codes.

/** What a provider's refusals and silence are classified as (lib/provisioner/problem.ts). */
export type ProvisionProblemCode =
  | 'provider_unreachable'
  | 'rate_limited'
  | 'unauthorized'
  | 'forbidden'
  | 'app_not_found'
  | 'no_capacity'
  | 'quota'
  | 'image_unpullable'
  | 'invalid_machine'
  | 'name_taken'
  | 'machine_not_found'
  | 'secrets_unreadable'
  | 'secrets_refused'
  | 'secrets_pending'
  | 'busy'
  | 'disk_host_full'
  | 'disk_in_use'
  | 'disk_not_found'

/** Reason codes of workspaces. lib/platform/reasons.ts says what each is about. */
export type WorkspaceReasonCode =
  | ProvisionProblemCode
  | 'machine_gone'
  | 'disk_lost'
  | 'out_of_memory'
  | 'crashed'
  | 'machine_failed'
  | 'stopped_outside'
  | 'stopped_unexplained'
  | 'stopped_after_minutes'
  | 'changed_outside'
  | 'cordoned'
  | 'never_launched'
  | 'host_unreachable'
  | 'machine_stuck'
  | 'still_running'
  | 'never_started'
  | 'never_updated'
  | 'never_registered'
  | 'never_listened'
  | 'agent_silent'
  | 'external_silent'
  | 'not_reachable_by_http'
  | 'wedged'
  | 'high_error_rate'

/** Reason codes of rollouts; `not_ready_in_time` is that of one workspace in a rollout. */
export type RolloutReasonCode =
  | 'trial_over'
  | 'not_ready'
  | 'deaths'
  | 'halted'
  | 'rolled_back'
  | 'not_ready_in_time'

/**
 * What the provider answered: its HTTP status, its own text (bounded, without secrets), and the id that its support
 * asks for.
 */
export type ProviderAnswer = { status: number | null; text: string; request_id: string | null }

/** One difference between what the provider runs and what was requested. */
export type Drift = {
  field: 'configuration' | 'cordon' | 'host' | 'image' | 'metadata' | 'size' | 'state'
  wanted: string
  actual: string
}

/** Why something is in its state: a stable code, a sentence, and the next step. Kept after the machine is gone. */
export type StoredReason<Code extends string = WorkspaceReasonCode> = {
  code: Code
  message: string
  hint: string
  /** The provider's own answer, if it sent one. */
  provider?: ProviderAnswer
}

export type RolloutReason = StoredReason<RolloutReasonCode>
