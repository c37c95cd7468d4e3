// What a Docker error means for a workspace: a reason code, a sentence with the daemon's own words, and whether the same
// call can succeed later.
import type { ProvisionProblemCode } from '../../../drizzle/schema/index.ts'
import { DockerError } from '../../docker/errors.ts'
import type { MachineSpec } from '../../machines/machine-spec.ts'
import { toPostgresText } from '../../platform/postgres-text.ts'
import { ProvisionError, type ProvisionProblem } from '../problem.ts'
import { withoutSecrets } from '../without-secrets.ts'

type Meaning = { code: ProvisionProblemCode; retryable: boolean; message: string; hint: string }

const AUTOMATIC = 'The request is repeated automatically.'

const UNREACHABLE: Meaning = {
  code: 'provider_unreachable',
  retryable: true,
  message: 'The Docker daemon did not answer.',
  hint: `${AUTOMATIC} Check DOCKER_HOST, and that the daemon runs: npm run doctor.`,
}

/** The daemon's errors, by status and words; the first that fits. Docker has no codes of its own. */
const MEANINGS: { status: number[]; words?: RegExp; meaning: Meaning }[] = [
  {
    status: [404],
    words: /no such image/i,
    meaning: {
      code: 'image_unpullable',
      retryable: true,
      message: 'The image was removed from the Docker host.',
      hint: 'It is pulled again automatically.',
    },
  },
  {
    status: [404],
    words: /no such volume/i,
    meaning: {
      code: 'disk_not_found',
      retryable: true,
      message: 'Docker does not find the volume of this workspace.',
      hint: 'It is looked for again before anything is concluded.',
    },
  },
  {
    status: [404],
    words: /network/i,
    meaning: {
      code: 'invalid_machine',
      retryable: false,
      message: 'The network of DOCKER_NETWORK does not exist.',
      hint: 'Create it with `docker network create`, and restart the workspace.',
    },
  },
  {
    status: [404],
    meaning: {
      code: 'machine_not_found',
      retryable: true,
      message: 'Docker does not find the container.',
      hint: 'It is checked again automatically.',
    },
  },
  {
    status: [409],
    words: /already in use by container/i,
    meaning: {
      code: 'name_taken',
      retryable: false,
      message: 'Another container has the name of this workspace and belongs to something else.',
      hint: 'Find it with `docker ps -a`, remove it, and restart the workspace.',
    },
  },
  {
    status: [409],
    words: /volume is in use/i,
    meaning: {
      code: 'disk_in_use',
      retryable: true,
      message: 'The volume is used by another container.',
      hint: 'It is tried again automatically. `docker ps -a --filter volume=<name>` shows the container.',
    },
  },
  {
    status: [409],
    meaning: {
      code: 'busy',
      retryable: true,
      message: 'Docker refused because the container is changing state or does not run.',
      hint: AUTOMATIC,
    },
  },
  {
    status: [500],
    words: /port is already allocated|address already in use/i,
    meaning: {
      code: 'busy',
      retryable: true,
      message: 'A port of the host that the container needs is taken by another program.',
      hint: `${AUTOMATIC} A restart of the workspace chooses another port.`,
    },
  },
  {
    status: [500],
    words: /no space left on device|cannot allocate memory/i,
    meaning: {
      code: 'no_capacity',
      retryable: true,
      message: 'The Docker host has no room for this container.',
      hint: 'Free disk space or memory on the host. The request is repeated until the deadline.',
    },
  },
  {
    status: [401, 403],
    meaning: {
      code: 'forbidden',
      retryable: false,
      message: 'The Docker daemon, or a proxy before it, does not allow this request.',
      hint: 'Check the certificates (DOCKER_CERT_PATH) and what the proxy allows; then restart the workspace.',
    },
  },
  {
    status: [400],
    meaning: {
      code: 'invalid_machine',
      retryable: false,
      message: 'Docker refused the container.',
      hint: "Docker's own words say why. Check the image, DOCKER_NETWORK and the tier; then restart the workspace.",
    },
  },
]

const meaningOf = ({ status, words }: DockerError): Meaning => {
  const found = MEANINGS.find((one) => one.status.includes(status) && (one.words?.test(words) ?? true))
  if (found !== undefined) return found.meaning
  return status >= 500 ? { ...UNREACHABLE, message: 'The Docker daemon failed.' } : UNREACHABLE
}

/**
 * Any error of the Docker client as a provisioner's error.
 * @param spec the spec of the call: its secrets are removed from the daemon's words
 * @throws any other error, unchanged
 */
export function toProvisionError(error: unknown, spec?: MachineSpec): ProvisionError {
  if (error instanceof ProvisionError) return error
  if (!(error instanceof DockerError)) throw error
  const { code, hint, message, retryable } = meaningOf(error)
  const words = withoutSecrets(toPostgresText(error.code === 'too_old' ? error.message : error.words), spec)
  const problem: ProvisionProblem = {
    code,
    message: words === '' ? message : `${message} Docker: ${words}`,
    hint,
    retryable,
    ...(error.status === 0 ? {} : { provider: { status: error.status, text: words, request_id: null } }),
  }
  return new ProvisionError(problem, { applied: error.applied, cause: error })
}

/** Runs calls of the Docker client. @throws ProvisionError */
export async function attempt<Result>(call: () => Promise<Result>, spec?: MachineSpec): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    throw toProvisionError(error, spec)
  }
}
