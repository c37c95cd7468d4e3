// Disks as folders: one for each volume, one for each snapshot. A copy is made under another name and then renamed, so
// that a copy that was cut off is never taken for a whole one.

import { cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { constants, existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Disks } from '../guests/disks.ts'

export type DiskFolders = Disks & {
  /** The folder of a volume. */
  folderOf(volume: string): string
}

/** @param directory is created with the first disk */
export function createDiskFolders(directory: string): DiskFolders {
  const folderOf = (volume: string): string => join(directory, 'volumes', volume)
  const snapshotFolder = (snapshot: string): string => join(directory, 'snapshots', snapshot)

  /** A program may remove or rename a file while it is copied. Then the copy begins again. */
  async function copy(from: string, to: string, attempts = 10): Promise<void> {
    try {
      return await copyOnce(from, to)
    } catch (error) {
      const hasChanged = (error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(from)
      if (!hasChanged || attempts === 1) throw error
    }
    return copy(from, to, attempts - 1)
  }

  async function copyOnce(from: string, to: string): Promise<void> {
    await rm(`${to}.new`, { recursive: true, force: true })
    await cp(from, `${to}.new`, {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
      mode: constants.COPYFILE_FICLONE,
    })
    await rm(to, { recursive: true, force: true })
    await rename(`${to}.new`, to)
  }

  return {
    folderOf,
    async create(volume, source) {
      const folder = folderOf(volume)
      await mkdir(join(directory, 'volumes'), { recursive: true })
      if (source !== undefined) {
        await copy('volume' in source ? folderOf(source.volume) : snapshotFolder(source.snapshot), folder)
        return
      }
      await rm(folder, { recursive: true, force: true })
      await mkdir(folder)
    },
    remove: (volume) => rm(folderOf(volume), { recursive: true, force: true }),
    async takeSnapshot(volume, snapshot) {
      await mkdir(join(directory, 'snapshots'), { recursive: true })
      await copy(folderOf(volume), snapshotFolder(snapshot))
    },
    removeSnapshot: (snapshot) => rm(snapshotFolder(snapshot), { recursive: true, force: true }),
    async usedBytes(volume) {
      const entries = await readdir(folderOf(volume), { recursive: true, withFileTypes: true }).catch(
        () => [],
      )
      const files = entries.filter((entry) => entry.isFile())
      const sizes = await Promise.all(
        // A program may remove a file meanwhile.
        files.map(({ parentPath, name }) =>
          stat(join(parentPath, name)).then(
            ({ size }) => size,
            () => 0,
          ),
        ),
      )
      return sizes.reduce((sum, size) => sum + size, 0)
    },
  }
}
