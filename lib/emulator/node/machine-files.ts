// The files of a machine on this computer: a folder stands for `/`, and a volume is a symbolic link in it.

import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import type { BootSpec } from '../guests/host.ts'

export type MachineFiles = {
  /** The file's text, or undefined when it does not exist. */
  readFile: (path: string) => string | undefined
  /** A reader sees the old text or the new text, also when the program is killed meanwhile. */
  writeFile: (path: string, text: string) => void
  /** Where a path of the machine is on this computer. `..` at the root stays there, as on a real machine. */
  pathOf: (path: string) => string
  /** Writes the files of a boot, and links the volume first. */
  prepare: (files: BootSpec['files'], mount: VolumeLink | undefined) => void
}

/** A path in the machine and the folder of the volume there. */
export type VolumeLink = { path: string; folder: string }

/** @param root the folder that stands for `/` */
export function createMachineFiles(root: string): MachineFiles {
  const pathOf = (path: string): string => join(root, normalize(`/${path}`))

  function write(path: string, contents: string | Uint8Array): void {
    const at = pathOf(path)
    mkdirSync(dirname(at), { recursive: true, mode: 0o700 })
    // Renamed when it is complete, so that a program that is killed meanwhile leaves the old file.
    writeFileSync(`${at}.new`, contents, { mode: 0o600 })
    renameSync(`${at}.new`, at)
  }

  return {
    pathOf,
    readFile(path) {
      try {
        return readFileSync(pathOf(path), 'utf8')
      } catch (error) {
        if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
        throw error
      }
    },
    writeFile: write,
    prepare(files, mount) {
      if (mount !== undefined) linkVolume(pathOf(mount.path), mount.folder)
      for (const { path, contents } of files) write(path, contents)
    },
  }
}

/** A root that was kept from an earlier boot may have the link, and an image may have an empty folder there. */
function linkVolume(at: string, folder: string): void {
  mkdirSync(dirname(at), { recursive: true, mode: 0o700 })
  rmSync(at, { recursive: true, force: true })
  symlinkSync(folder, at)
}
