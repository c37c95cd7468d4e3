// A store in a folder: one JSON file for each app, machine and volume. A file is written under another name and then renamed,
// so a process that dies half-way leaves the old file intact.

import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppRecord, MachineRecord, VolumeRecord } from '../store/records.ts'
import type { EmulatorStore } from '../store/memory-store.ts'

/** Records survive the end of the process, but not a power loss: nothing is fsynced. */
export function createFileStore(folder: string): EmulatorStore {
  const pathOf = (kind: string, name: string): string =>
    join(folder, kind, `${encodeURIComponent(name)}.json`)

  async function save(kind: string, name: string, record: unknown): Promise<void> {
    const path = pathOf(kind, name)
    await mkdir(join(folder, kind), { recursive: true })
    await writeFile(`${path}.new`, JSON.stringify(record, null, 2))
    await rename(`${path}.new`, path)
  }

  async function loadAll<T>(kind: string): Promise<T[]> {
    await mkdir(join(folder, kind), { recursive: true })
    const names = (await readdir(join(folder, kind))).filter((name) => name.endsWith('.json'))
    return Promise.all(
      names.map(async (name) => JSON.parse(await readFile(join(folder, kind, name), 'utf8')) as T),
    )
  }

  return {
    load: async () => ({
      apps: await loadAll<AppRecord>('apps'),
      machines: await loadAll<MachineRecord>('machines'),
      volumes: await loadAll<VolumeRecord>('volumes'),
    }),
    saveApp: (app) => save('apps', app.name, app),
    removeApp: (name) => rm(pathOf('apps', name), { force: true }),
    saveMachine: (machine) => save('machines', machine.id, machine),
    removeMachine: (id) => rm(pathOf('machines', id), { force: true }),
    saveVolume: (volume) => save('volumes', volume.id, volume),
    removeVolume: (id) => rm(pathOf('volumes', id), { force: true }),
  }
}
