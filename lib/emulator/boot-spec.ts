// What a machine's guest is booted with: its config's env and files, and the environment Fly gives it (fly.md §5).

import type { BootSpec } from './host.ts'
import type { MachineRecord } from './records.ts'

/** Built anew for every boot, because files are rewritten at each one. */
export function bootSpec(record: MachineRecord): BootSpec {
  const { config } = record
  return {
    machineId: record.id,
    app: record.app,
    region: record.region,
    image: config.image,
    memoryMb: config.guest.memory_mb,
    env: {
      ...config.env,
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
    files: (config.files ?? []).map((file) => ({
      path: file.guest_path,
      contents: Uint8Array.from(atob(file.raw_value ?? ''), (character) => character.charCodeAt(0)),
    })),
  }
}
