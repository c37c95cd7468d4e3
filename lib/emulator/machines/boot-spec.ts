// What a machine's guest is booted with: the env and files of its config, the secrets of its app, and the variables
// that Fly sets (docs/facts/fly.md §5). A secret wins over an env variable of the same name (docs/facts/fly.md §4.2).

import { rootPersistence } from '../config/machine-config.ts'
import type { MachineConfig } from '../config/machine-config.ts'
import type { BootSpec } from '../guests/host.ts'
import type { MachineRecord, SecretRecord } from '../store/records.ts'

/** Built for every boot: files are written again, and secrets are those of that time. */
export function bootSpec(
  record: MachineRecord,
  secrets: Record<string, SecretRecord>,
): Omit<BootSpec, 'print' | 'flyApi'> {
  const { config } = record
  return {
    machineId: record.id,
    app: record.app,
    region: record.region,
    image: config.image,
    memoryMb: config.guest.memory_mb,
    port: config.services?.[0]?.internal_port,
    env: {
      ...config.env,
      ...config.processes?.[0]?.env,
      ...secretEnv(config, secrets),
      FLY_APP_NAME: record.app,
      FLY_MACHINE_ID: record.id,
      FLY_ALLOC_ID: record.id,
      FLY_REGION: record.region,
      FLY_PUBLIC_IP: '2605:4c40:0:1::1',
      FLY_IMAGE_REF: config.image,
      FLY_MACHINE_VERSION: record.version,
      FLY_PRIVATE_IP: record.privateIp,
      FLY_PROCESS_GROUP: config.metadata?.fly_process_group ?? config.metadata?.process_group ?? '',
      FLY_VM_MEMORY_MB: String(config.guest.memory_mb),
    },
    mount: config.mounts?.map(({ volume, path }) => ({ volume, path }))[0],
    keepsRoot: rootPersistence(config) !== 'never',
    files: (config.files ?? []).flatMap((file) => {
      // The value of a secret that is used as a file is base64 itself (docs/facts/fly.md §4.2).
      const base64 = file.secret_name === undefined ? file.raw_value : secrets[file.secret_name]?.value
      return base64 === undefined ? [] : [{ path: file.guest_path, contents: bytesOf(base64) }]
    }),
  }
}

/**
 * The secrets that a guest gets as variables: those that its process names; or, when it names none, all secrets of the
 * app unless `ignore_app_secrets` is set (fly.MachineProcess in the OpenAPI document). A named secret that does not
 * exist is left out.
 */
function secretEnv(config: MachineConfig, secrets: Record<string, SecretRecord>): Record<string, string> {
  const [process] = config.processes ?? []
  const named = process?.secrets ?? []
  if (named.length === 0) {
    if (process?.ignore_app_secrets === true) return {}
    return Object.fromEntries(Object.entries(secrets).map(([name, { value }]) => [name, value]))
  }
  return Object.fromEntries(
    named.flatMap(({ env_var, name }) => {
      const secret = secrets[name ?? env_var]
      return secret === undefined ? [] : [[env_var, secret.value]]
    }),
  )
}

/** Empty for a value that is not base64: what Fly does then is not known. */
function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  } catch {
    return new Uint8Array()
  }
}
