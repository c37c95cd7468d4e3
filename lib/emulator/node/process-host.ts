// Runs each guest of the emulated Fly as a process of its own, so that in embedded mode a crash, a memory leak or a
// SIGKILL is real and affects one machine only. It needs Linux or macOS: suspending and clean-up use POSIX signals and
// `sh`.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve as resolvePath } from 'node:path'
import { startCleanupProcess } from './cleanup-process.ts'
import { bootCommand } from './command-guest.ts'
import type { CommandImage } from './command-guest.ts'
import { createDiskFolders } from './disk-folders.ts'
import { bootModule } from './module-guest.ts'
import { createCommands } from './run-command.ts'
import type { BootSpec, Guest, Host } from '../guests/host.ts'

export type ProcessHostOptions = {
  /**
   * Returns what an image runs: the module whose default export is its program, or a command. Undefined when there is no
   * such image.
   */
  images: (image: string) => string | CommandImage | undefined
  /** The directory for the guests' files. They are in a folder of this host, which `close` removes. */
  directory: string
  /** The directory for what outlives this host: volumes, snapshots and kept roots. Default: `disks` in `directory`. */
  disksDirectory?: string
  /** Variables that every guest gets unless its own environment sets them. */
  env?: Record<string, string>
  /** Receives each line that a guest prints, after the machine's id. Without it the lines are dropped. */
  log?: (line: string) => void
}

/** The port of a program whose machine has no service: Fly's usual `internal_port`. */
const DEFAULT_PORT = 8080

/** @throws when the directory cannot be created */
export function createProcessHost(options: ProcessHostOptions): Host {
  const { images, directory, env = {}, log = () => {} } = options
  const disksDirectory = resolvePath(options.disksDirectory ?? join(directory, 'disks'))
  const disks = createDiskFolders(disksDirectory)
  const keptRoot = (machineId: string): string => join(disksDirectory, 'roots', machineId)
  mkdirSync(directory, { recursive: true })
  const home = mkdtempSync(join(resolvePath(directory), 'guests-'))
  const cleanup = startCleanupProcess(home)
  const guests = new Set<Guest>()
  const pids = new Set<number>()
  let closed = false

  function boot(spec: BootSpec): Guest {
    const image = images(spec.image)
    if (closed || image === undefined)
      throw new Error(`Cannot boot ${spec.image}: ${closed ? 'closed' : 'unknown'}`)
    const root = rootFor(spec)
    const commands = createCommands(root, { ...env, ...spec.env })
    let pid: number | undefined
    const { files, flyApi, port = DEFAULT_PORT } = spec
    const common = {
      root,
      env: { ...env, ...spec.env },
      files,
      mount: spec.mount && { path: spec.mount.path, folder: disks.folderOf(spec.mount.volume) },
      print(line: string) {
        log(`${spec.machineId} ${line}`)
        spec.print(line)
      },
      onStart(started: number) {
        pid = started
        pids.add(started)
        cleanup.watch(pids)
      },
    }
    const program =
      typeof image === 'string'
        ? bootModule(image, { ...common, flyApi })
        : bootCommand(image, { ...common, port })
    const guest: Guest = { ...program, exec: commands.run }
    guests.add(guest)
    void clearAfterExit()
    return guest

    async function clearAfterExit(): Promise<void> {
      await guest.exited
      commands.end()
      guests.delete(guest)
      if (pid !== undefined) pids.delete(pid)
      cleanup.watch(pids)
      if (spec.keepsRoot !== true) rmSync(root, { recursive: true, force: true })
    }
  }

  function rootFor({ machineId, keepsRoot }: BootSpec): string {
    if (keepsRoot !== true) return mkdtempSync(join(home, 'root-'))
    mkdirSync(keptRoot(machineId), { recursive: true })
    return keptRoot(machineId)
  }

  return {
    canPull: (image) => images(image) !== undefined,
    boot,
    discardRoot: (machineId) => rmSync(keptRoot(machineId), { recursive: true, force: true }),
    disks,
    async close() {
      closed = true
      const rest = [...guests]
      for (const guest of rest) guest.kill()
      await Promise.all(rest.map(({ exited }) => exited))
      await cleanup.end()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
