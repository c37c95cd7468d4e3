// The interface of a store, which saves and lists records so that they survive the process, and a store in memory. The
// journal decides when to write.

import type { AppRecord, MachineRecord, VolumeRecord } from './records.ts'

export type StoredRecords = { apps: AppRecord[]; machines: MachineRecord[]; volumes: VolumeRecord[] }

export type EmulatorStore = {
  load: () => Promise<StoredRecords>
  /** Resolves when the record survives the end of the process. Never called twice at a time for one name. */
  saveApp: (app: AppRecord) => Promise<void>
  removeApp: (name: string) => Promise<void>
  saveMachine: (machine: MachineRecord) => Promise<void>
  removeMachine: (id: string) => Promise<void>
  saveVolume: (volume: VolumeRecord) => Promise<void>
  removeVolume: (id: string) => Promise<void>
}

/**
 * Keeps records as long as the store object exists. Two emulators with the same store, one after the other, are a
 * restart.
 */
export function createMemoryStore(): EmulatorStore {
  const apps = new Map<string, AppRecord>()
  const machines = new Map<string, MachineRecord>()
  const volumes = new Map<string, VolumeRecord>()
  return {
    load: async () =>
      structuredClone({
        apps: [...apps.values()],
        machines: [...machines.values()],
        volumes: [...volumes.values()],
      }),
    saveApp: async (app) => void apps.set(app.name, structuredClone(app)),
    removeApp: async (name) => void apps.delete(name),
    saveMachine: async (machine) => void machines.set(machine.id, structuredClone(machine)),
    removeMachine: async (id) => void machines.delete(id),
    saveVolume: async (volume) => void volumes.set(volume.id, structuredClone(volume)),
    removeVolume: async (id) => void volumes.delete(id),
  }
}
