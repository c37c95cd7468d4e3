// What a Fly error means for a workspace: a reason code, a sentence with Fly's own words, and whether the same call can succeed
// later.
import { FlyError, type FlyErrorCode } from '../../fly/errors.ts'
import type { MachineSpec } from '../../machines/machine-spec.ts'
import { toPostgresText } from '../../platform/postgres-text.ts'
import { reasonFor } from '../../platform/reasons.ts'
import { ProvisionError, type ProvisionProblem, type ProvisionProblemCode } from '../provisioner.ts'
import { withoutSecrets } from '../without-secrets.ts'
import { FLY_REASONS } from './reason-texts.ts'

const CODES: Record<FlyErrorCode, ProvisionProblemCode> = {
  unauthorized: 'unauthorized',
  forbidden: 'forbidden',
  app_not_found: 'app_not_found',
  quota: 'quota',
  insufficient_capacity: 'no_capacity',
  image_unpullable: 'image_unpullable',
  name_taken: 'name_taken',
  invalid_request: 'invalid_machine',
  app_name_taken: 'invalid_machine',
  machine_not_found: 'machine_not_found',
  not_found: 'machine_not_found',
  lease_not_found: 'busy',
  lease_held: 'busy',
  wrong_state: 'busy',
  volume_in_use: 'disk_in_use',
  volume_not_found: 'disk_not_found',
  secrets_not_ready: 'secrets_pending',
  conflict: 'busy',
  version_mismatch: 'busy',
  concurrent_update: 'busy',
  rate_limited: 'rate_limited',
  malformed_answer: 'provider_unreachable',
  platform: 'provider_unreachable',
  timeout: 'provider_unreachable',
  network: 'provider_unreachable',
  aborted: 'provider_unreachable',
  budget_exhausted: 'provider_unreachable',
}

/** Problems that pass although nobody changes anything. */
const RETRYABLE: readonly ProvisionProblemCode[] = [
  'provider_unreachable',
  'rate_limited',
  'no_capacity',
  'machine_not_found',
  'secrets_pending',
  'busy',
  'disk_host_full',
  'disk_in_use',
  'disk_not_found',
]

function codeOf({ action, capacityScope, code }: FlyError): ProvisionProblemCode {
  const isAboutSecrets = action === 'update_secrets' || action === 'list_secrets'
  if (isAboutSecrets && (code === 'unauthorized' || code === 'forbidden')) return 'secrets_refused'
  // The machine fits into the region, but not onto the host of its volume (docs/facts/fly.md §8.3).
  if (code === 'insufficient_capacity' && capacityScope === 'volume') return 'disk_host_full'
  return CODES[code]
}

/**
 * Any error of the Fly client as a provisioner's error. Its message contains Fly's own words, because a sentence of
 * ours says no more than the error proves.
 *
 * @param spec the spec of the call: its image is part of the reason's sentence, its secrets are removed from Fly's
 *   text
 * @throws any other error, unchanged
 */
export function toProvisionError(error: unknown, spec?: MachineSpec): ProvisionError {
  if (error instanceof ProvisionError) return error
  if (!(error instanceof FlyError)) throw error
  const code = codeOf(error)
  const details = { app: error.app ?? null, machine: error.machineId ?? null, image: spec?.image ?? null }
  const { hint, message } = reasonFor(code, details, FLY_REASONS[code])
  const sentence = error.code === 'malformed_answer' ? "Fly's answer could not be parsed." : message
  const words = withoutSecrets(toPostgresText(error.flyText ?? ''), spec)
  const problem: ProvisionProblem = {
    code,
    message: words === '' ? sentence : `${sentence} Fly's answer (${error.status}): ${words}`,
    hint,
    retryable: RETRYABLE.includes(code),
    ...(error.status === 0
      ? {}
      : { provider: { status: error.status, text: words, request_id: error.requestId ?? null } }),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  }
  return new ProvisionError(problem, { applied: error.applied, cause: error })
}

/** Runs calls of the Fly client. @throws ProvisionError */
export async function attempt<Result>(call: () => Promise<Result>, spec?: MachineSpec): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    throw toProvisionError(error, spec)
  }
}
