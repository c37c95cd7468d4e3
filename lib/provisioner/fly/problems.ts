// What a Fly error means for a workspace: a reason of lib/platform/reasons.ts, and whether the same call can succeed
// later.
import { FlyError, type FlyErrorCode } from '../../fly/errors.ts'
import { toPostgresText } from '../../platform/postgres-text.ts'
import { reasonFor } from '../../platform/reasons.ts'
import { ProvisionError, type ProvisionProblem, type ProvisionProblemCode } from '../provisioner.ts'

const CODES: Record<FlyErrorCode, ProvisionProblemCode> = {
  unauthorized: 'unauthorized',
  forbidden: 'unauthorized',
  app_not_found: 'app_not_found',
  quota: 'quota',
  insufficient_capacity: 'no_capacity',
  image_unpullable: 'image_unpullable',
  name_taken: 'name_taken',
  invalid_request: 'invalid_machine',
  app_name_taken: 'invalid_machine',
  machine_not_found: 'machine_gone',
  not_found: 'machine_gone',
  lease_not_found: 'busy',
  lease_held: 'busy',
  wrong_state: 'busy',
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
  'machine_gone',
  'busy',
]

const codeOf = ({ action, code }: FlyError): ProvisionProblemCode =>
  (action === 'update_secrets' || action === 'list_secrets') &&
  (code === 'unauthorized' || code === 'forbidden')
    ? 'secrets_refused'
    : CODES[code]

/**
 * Any error of the Fly client as a provisioner's error. Its message contains Fly's own words, because a sentence of
 * ours says no more than the error proves.
 *
 * @param image the image of the call, for the reason's sentence
 * @throws any other error, unchanged
 */
export function toProvisionError(error: unknown, image?: string): ProvisionError {
  if (error instanceof ProvisionError) return error
  if (!(error instanceof FlyError)) throw error
  const code = codeOf(error)
  const details = { app: error.app ?? null, machine: error.machineId ?? null, image: image ?? null }
  const { hint, message } = reasonFor(code, details)
  const sentence = error.code === 'malformed_answer' ? "Fly's answer could not be parsed." : message
  const problem: ProvisionProblem = {
    code,
    message: error.flyText === undefined ? sentence : `${sentence} ${quote(error.status, error.flyText)}`,
    hint,
    retryable: RETRYABLE.includes(code),
    ...(error.requestId === undefined ? {} : { requestId: error.requestId }),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  }
  return new ProvisionError(problem, { applied: error.applied, cause: error })
}

// The text comes from outside and is stored.
const quote = (status: number, text: string) => `Fly's answer (${status}): ${toPostgresText(text)}`
