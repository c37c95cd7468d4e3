// What a Fly error means to a workspace: a code, a sentence and a way out. Fly's own text is not passed on: it may name
// things of the operator's, and people need to know what to do (docs/facts/molecule.md §5.16).
import { FlyError, type FlyErrorCode } from '../../fly/errors.ts'
import type { MachineSpec } from '../../machines/machine-spec.ts'
import { ProvisionError, type ProvisionProblem, type ProvisionProblemCode } from '../provisioner.ts'

type Meaning = { code: ProvisionProblemCode; message: string; hint: string; retryable?: boolean }

const UNREACHABLE: Meaning = {
  code: 'provider_unreachable',
  message: 'Fly did not answer.',
  hint: 'It is asked again by itself. Is https://status.flyio.net green?',
  retryable: true,
}
const TOKEN: Meaning = {
  code: 'unauthorized',
  message: 'Fly refused FLY_API_TOKEN.',
  hint: 'Make a new one with `fly tokens create deploy -a <app>`, set FLY_API_TOKEN and restart the workspace.',
}
const INVALID: Meaning = {
  code: 'invalid_machine',
  message: 'Fly refused the machine.',
  hint: 'Check image, region and tier; Fly support can look up the request id.',
}
const BUSY: Meaning = {
  code: 'busy',
  message: 'The machine is being changed by somebody else, or is between states.',
  hint: 'It is tried again by itself. A forgotten lease is cleared with `fly machine leases clear`.',
  retryable: true,
}
const GONE: Meaning = {
  code: 'machine_gone',
  message: 'Fly does not know the machine.',
  hint: 'It is looked at again by itself.',
  retryable: true,
}
const NO_CAPACITY: Meaning = {
  code: 'no_capacity',
  message: 'Fly has no room for this machine in its region.',
  hint: 'It is tried again until the deadline. Another region or a lower tier may be quicker.',
  retryable: true,
}

const MEANINGS: Record<FlyErrorCode, Meaning> = {
  unauthorized: TOKEN,
  forbidden: {
    ...TOKEN,
    message: 'FLY_API_TOKEN may not use FLY_WORKSPACE_APP: it belongs to another organization.',
  },
  app_not_found: {
    code: 'app_not_found',
    message: 'FLY_WORKSPACE_APP does not exist.',
    hint: 'Create it with `fly apps create <app>`, give it addresses with `fly ips allocate-v6` and `fly ips allocate-v4 --shared`, and restart the workspace.',
  },
  quota: {
    code: 'quota',
    message: "The Fly organization's quota is used up.",
    hint: 'Remove workspaces, use another region, or ask Fly to raise the quota; then restart the workspace.',
  },
  insufficient_capacity: NO_CAPACITY,
  image_unpullable: {
    code: 'image_unpullable',
    message: 'Fly cannot pull the image.',
    hint: 'Check that it exists and is public, or mirror it to registry.fly.io: Fly cannot log in to other registries.',
  },
  name_taken: {
    code: 'name_taken',
    message: 'Another machine in the app has the name of this workspace, and it is not ours.',
    hint: 'Find it with `fly machine list`, remove or rename it, and restart the workspace.',
  },
  invalid_request: INVALID,
  malformed_answer: { ...UNREACHABLE, message: "Fly's answer could not be read." },
  machine_not_found: GONE,
  not_found: GONE,
  lease_not_found: BUSY,
  lease_held: BUSY,
  wrong_state: BUSY,
  conflict: BUSY,
  version_mismatch: BUSY,
  concurrent_update: BUSY,
  rate_limited: {
    code: 'rate_limited',
    message: 'Fly limits how fast machines are made.',
    hint: 'It is tried again by itself.',
    retryable: true,
  },
  platform: UNREACHABLE,
  timeout: UNREACHABLE,
  network: UNREACHABLE,
  aborted: UNREACHABLE,
  budget_exhausted: UNREACHABLE,
  app_name_taken: INVALID,
}

const MAY_NOT_SET_SECRETS: Meaning = {
  code: 'secrets_refused',
  message: 'FLY_API_TOKEN may not set or list secrets of the app.',
  hint: 'Make a new one with `fly tokens create deploy -a <app>`; or set SECRETS_DELIVERY=env, and read first what that gives away.',
}

const meaningOf = ({ action, code }: FlyError): Meaning =>
  (action === 'update_secrets' || action === 'list_secrets') &&
  (code === 'unauthorized' || code === 'forbidden')
    ? MAY_NOT_SET_SECRETS
    : MEANINGS[code]

/** Any error of the Fly client as a provisioner's. Errors of other kinds are ours and pass through. */
export function toProvisionError(error: unknown, spec?: MachineSpec): ProvisionError {
  if (error instanceof ProvisionError) return error
  if (!(error instanceof FlyError)) throw error
  const { code, message, hint, retryable } = meaningOf(error)
  const problem: ProvisionProblem = {
    code,
    message: spec !== undefined && code === 'image_unpullable' ? `Fly cannot pull ${spec.image}.` : message,
    hint,
    retryable: retryable ?? false,
    ...(error.requestId === undefined ? {} : { requestId: error.requestId }),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  }
  return new ProvisionError(problem, { applied: error.applied, cause: error })
}
