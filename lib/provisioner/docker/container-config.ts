// Translates a machine spec to a container's configuration and to the files that are put into it before it starts. Pure.
import type { ContainerInput } from '../../docker/client.ts'
import { STOP_SECONDS } from '../../docker/client.ts'
import type { MachineSpec } from '../../machines/machine-spec.ts'
import { decodeBase64 } from '../../platform/encoding.ts'
import type { PulledImage } from './images.ts'
import { toLabels } from './labels.ts'
import { type DockerNetwork, networkConfig } from './network.ts'

/** `file`: secret values are in a file of the container; `env`: they are variables, which `docker inspect` shows. */
export type SecretsDelivery = 'file' | 'env'

/** Microseconds of which the quota is a part: the kernel's default. */
const CPU_PERIOD = 100_000

/** Docker restarts a crashed agent so many times before the container stays stopped. */
const MAX_RESTARTS = 3

/** Where the secrets of a container are. */
const SECRETS_FILE = '/.molecule/secrets.env'

/** Makes the secrets variables of a command, which then takes the place of the shell. */
const WITH_SECRETS = `set -a; [ ! -r ${SECRETS_FILE} ] || . ${SECRETS_FILE}; set +a; exec "$@"`

/** The command with the secrets of its container as variables. */
export const withSecrets = (command: readonly string[]): string[] => [
  '/bin/sh',
  '-c',
  WITH_SECRETS,
  'sh',
  ...command,
]

export type ContainerPlan = {
  input: ContainerInput
  /** Contents by absolute path. */
  files: Record<string, Uint8Array>
}

export type PlanOptions = {
  network: DockerNetwork
  /** The port of the host, or of the container where none is published. */
  port: number
  /** See {@link toLabels}. */
  suffix: string
  secretsDelivery: SecretsDelivery
}

export function planContainer(spec: MachineSpec, image: PulledImage, options: PlanOptions): ContainerPlan {
  const { network, port, secretsDelivery, suffix } = options
  const isFile = secretsDelivery === 'file'
  const net = networkConfig(spec, network, port)
  const command = spec.exec ?? [...image.entrypoint, ...image.command]
  const bytes = (text: string) => new TextEncoder().encode(text)
  return {
    input: {
      Image: spec.image,
      ...(isFile
        ? { Entrypoint: withSecrets(command), Cmd: [] }
        : spec.exec === undefined
          ? {}
          : { Entrypoint: spec.exec, Cmd: [] }),
      Env: Object.entries({ ...spec.env, ...(isFile ? {} : spec.secrets) }).map(
        ([name, value]) => `${name}=${value}`,
      ),
      Labels: toLabels(spec, { image: image.reference, port, suffix }),
      ...(net.ExposedPorts === undefined ? {} : { ExposedPorts: net.ExposedPorts }),
      StopSignal: 'SIGTERM',
      StopTimeout: STOP_SECONDS,
      HostConfig: {
        // As process 1, a program that does not handle SIGTERM would ignore it, and children would stay as zombies.
        Init: true,
        // A share of time, and not NanoCpus: the daemon refuses those where the host has fewer CPUs than the tier.
        CpuQuota: spec.cpus * CPU_PERIOD,
        CpuPeriod: CPU_PERIOD,
        Memory: spec.memoryMb * 2 ** 20,
        // No swap: an agent that needs more memory than its tier has is killed, as on every backend.
        MemorySwap: spec.memoryMb * 2 ** 20,
        ...net.HostConfig,
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: MAX_RESTARTS },
        // This driver limits the size of logs by itself; Docker's default does not.
        LogConfig: { Type: 'local' },
        Mounts:
          spec.disk === undefined ? [] : [{ Type: 'volume', Source: spec.disk.id, Target: spec.disk.path }],
      },
    },
    files: {
      ...Object.fromEntries(
        Object.entries({ ...spec.files, ...spec.secretFiles }).map(([path, text]) => [path, bytes(text)]),
      ),
      ...Object.fromEntries(
        Object.entries(spec.callerFiles).map(([path, base64]) => [path, decodeBase64(base64)]),
      ),
      ...(isFile ? { [SECRETS_FILE]: bytes(secretsScript(spec.secrets)) } : {}),
    },
  }
}

/** Assignments for a shell. Nothing in single quotes has a meaning but the quote itself. */
const secretsScript = (secrets: Record<string, string>): string =>
  Object.entries(secrets)
    .map(([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join('')
