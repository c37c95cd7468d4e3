// Disks in memory, for guests that run inside this process. Two hosts with the same disks, one after the other, are a
// restart.

import type { Disks, DiskSource } from './disks.ts'

/** The texts of files by their normalized path. */
export type MemoryFiles = Map<string, string>

export type MemoryDisks = Disks & {
  /** The files of a volume. @throws when it has no disk */
  filesOf(volume: string): MemoryFiles
}

export function createMemoryDisks(): MemoryDisks {
  const volumes = new Map<string, MemoryFiles>()
  const snapshots = new Map<string, MemoryFiles>()
  function filesOf(volume: string): MemoryFiles {
    const files = volumes.get(volume)
    if (files === undefined) throw new Error(`no disk of volume ${volume}`)
    return files
  }
  function filesIn(source: DiskSource): MemoryFiles {
    if ('volume' in source) return filesOf(source.volume)
    const files = snapshots.get(source.snapshot)
    if (files === undefined) throw new Error(`no snapshot ${source.snapshot}`)
    return files
  }
  return {
    filesOf,
    create: async (volume, source) =>
      void volumes.set(volume, new Map(source === undefined ? [] : filesIn(source))),
    remove: async (volume) => void volumes.delete(volume),
    takeSnapshot: async (volume, snapshot) => void snapshots.set(snapshot, new Map(filesOf(volume))),
    removeSnapshot: async (snapshot) => void snapshots.delete(snapshot),
    usedBytes: async (volume) =>
      [...(volumes.get(volume)?.values() ?? [])].reduce((sum, text) => sum + text.length, 0),
  }
}
