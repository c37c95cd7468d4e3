// Where the emulated Fly keeps what it knows, so that it survives the process. A store only holds and lists records;
// the journal decides when to write.

import type { AppRecord, MachineRecord } from './records.ts'

export type EmulatorStore = {
  load: () => Promise<{ apps: AppRecord[]; machines: MachineRecord[] }>
  /** Resolves once the record would survive the end of the process. Never called twice at a time for one name. */
  saveApp: (app: AppRecord) => Promise<void>
  removeApp: (name: string) => Promise<void>
  saveMachine: (machine: MachineRecord) => Promise<void>
  removeMachine: (id: string) => Promise<void>
}

/** Keeps records for as long as the store object lives. Two emulators given the same one, in turn, are a restart. */
export function createMemoryStore(): EmulatorStore {
  const apps = new Map<string, AppRecord>()
  const machines = new Map<string, MachineRecord>()
  return {
    load: async () => structuredClone({ apps: [...apps.values()], machines: [...machines.values()] }),
    saveApp: async (app) => void apps.set(app.name, structuredClone(app)),
    removeApp: async (name) => void apps.delete(name),
    saveMachine: async (machine) => void machines.set(machine.id, structuredClone(machine)),
    removeMachine: async (id) => void machines.delete(id),
  }
}
