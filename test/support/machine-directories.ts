// Commands for machines that are programs inside this process: each boot gets a directory with its files, in which its
// commands are real processes.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { BootSpec, GuestCommand } from '../../lib/emulator/guests/host.ts'
import { type Commands, createCommands } from '../../lib/emulator/node/run-command.ts'

type Boot = { commands: Commands; root: string }

export function createMachineDirectories() {
  let base: string | undefined
  const boots = new Map<BootSpec, Boot>()

  function open(spec: BootSpec, over: AbortSignal): Boot {
    base ??= mkdtempSync(join(tmpdir(), 'machines-'))
    const root = mkdtempSync(join(base, `${spec.machineId}-`))
    for (const { contents, path } of spec.files) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), contents)
    }
    const boot = { root, commands: createCommands(root, spec.env) }
    boots.set(spec, boot)
    over.addEventListener('abort', () => boot.commands.end(), { once: true })
    return boot
  }

  return {
    /** For the option `exec` of the host. */
    exec: (spec: BootSpec, command: GuestCommand, over: AbortSignal) =>
      (boots.get(spec) ?? open(spec, over)).commands.run(command),
    /** The directory of the newest boot of a machine in which a command was run. */
    rootOf: (machineId: string): string => {
      const found = [...boots].findLast(([spec]) => spec.machineId === machineId)
      if (found === undefined) throw new Error('no command was run in this machine')
      return found[1].root
    },
    close() {
      for (const { commands } of boots.values()) commands.end()
      if (base !== undefined) rmSync(base, { recursive: true, force: true })
    },
  }
}
