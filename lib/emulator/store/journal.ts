// Writes records to the store in the background, and lets the API wait until its change is stored. Several changes of
// one record in quick succession become one write.

import type { AppRecord, MachineRecord, VolumeRecord } from './records.ts'
import type { EmulatorStore } from './memory-store.ts'

export type Journal = {
  app(record: AppRecord): void
  appRemoved(name: string): void
  machine(record: MachineRecord): void
  machineRemoved(id: string): void
  volume(record: VolumeRecord): void
  volumeRemoved(id: string): void
  /** Resolves when all changes so far are in the store. Rejects when a write failed; the next flush repeats it. */
  flush(): Promise<void>
}

type Write = () => Promise<void>

export function createJournal(store: EmulatorStore): Journal {
  const waiting = new Map<string, Write>()
  const running = new Map<string, Promise<void>>()

  function note(key: string, write: Write): void {
    waiting.set(key, write)
    begin(key)
  }

  function begin(key: string): void {
    if (running.has(key)) return
    const work = drain(key)
    running.set(key, work)
    // flush() reports a failure. It must not also be an unhandled rejection.
    work.catch(() => undefined)
  }

  async function drain(key: string): Promise<void> {
    // Changes of this turn become one write.
    await Promise.resolve()
    try {
      for (let write = waiting.get(key); write !== undefined; write = waiting.get(key)) {
        waiting.delete(key)
        try {
          await write()
        } catch (error) {
          if (!waiting.has(key)) waiting.set(key, write)
          throw error
        }
      }
    } finally {
      // In the same turn as the last check of `waiting`, so that no change is missed.
      running.delete(key)
    }
  }

  return {
    app: (record) => note(`app:${record.name}`, () => store.saveApp(record)),
    appRemoved: (name) => note(`app:${name}`, () => store.removeApp(name)),
    machine: (record) => note(`machine:${record.id}`, () => store.saveMachine(record)),
    machineRemoved: (id) => note(`machine:${id}`, () => store.removeMachine(id)),
    volume: (record) => note(`volume:${record.id}`, () => store.saveVolume(record)),
    volumeRemoved: (id) => note(`volume:${id}`, () => store.removeVolume(id)),
    flush: async () => {
      for (const key of waiting.keys()) begin(key)
      await Promise.all(running.values())
    },
  }
}
