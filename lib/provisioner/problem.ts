// A provider's refusal or silence, classified: what the control plane decides by, whichever provider it is.
import type { ProviderAnswer, ProvisionProblemCode } from '../../drizzle/schema/index.ts'

/** A failure of the provider, classified. */
export type ProvisionProblem = {
  code: ProvisionProblemCode
  message: string
  hint: string
  /** The provider's own answer, if it sent one. */
  provider?: ProviderAnswer
  /** Whether the same call can succeed later without any change by people. */
  retryable: boolean
  retryAfterMs?: number
}

/** Thrown by every verb of a provisioner when the provider refused or did not answer. */
export class ProvisionError extends Error {
  override name = 'ProvisionError'
  readonly problem: ProvisionProblem
  /** `unknown`: the call may have been carried out. */
  readonly applied: 'no' | 'unknown'

  constructor(problem: ProvisionProblem, options: { applied: 'no' | 'unknown'; cause?: unknown }) {
    super(problem.message, { cause: options.cause })
    this.problem = problem
    this.applied = options.applied
  }
}
