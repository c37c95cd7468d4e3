// What a machine's guest is booted with: its config's env and files, its app's secrets, and the environment Fly gives it
// (fly.md §5). A secret wins over env of its name (fly.md §4.2).

import { secretEnv } from '../apps/app-secrets.ts'
import type { BootSpec } from '../guests/host.ts'
import type { MachineRecord, SecretRecord } from '../store/records.ts'

/** Built anew for every boot: files are rewritten at each one, and secrets are as they are then. */
export function bootSpec(record: MachineRecord, secrets: Record<string, SecretRecord>): BootSpec {
  const { config } = record
  return {
    machineId: record.id,
    app: record.app,
    region: record.region,
    image: config.image,
    memoryMb: config.guest.memory_mb,
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
    files: (config.files ?? []).flatMap((file) => {
      // A secret that is a file is base64 by itself (fly.md §4.2).
      const base64 = file.secret_name === undefined ? file.raw_value : secrets[file.secret_name]?.value
      return base64 === undefined ? [] : [{ path: file.guest_path, contents: bytesOf(base64) }]
    }),
  }
}

/** Nothing of a value that is not base64: what Fly does then is not known. */
function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  } catch {
    return new Uint8Array()
  }
}
