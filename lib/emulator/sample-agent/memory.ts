// What the sample agent remembers: one line for each thing, in a file on its disk.

import type { GuestMachine } from '../guests/host.ts'

/** Where the disk of a workspace is mounted, unless `WORKSPACE_DISK_PATH` says otherwise. */
const DEFAULT_DISK_PATH = '/workspace'

const fileOf = ({ env }: GuestMachine): string =>
  `${env['WORKSPACE_DISK_PATH'] || DEFAULT_DISK_PATH}/memory.txt`

const remembered = (machine: GuestMachine): string[] =>
  (machine.readFile(fileOf(machine)) ?? '').split('\n').filter((line) => line !== '')

/** `remember <text>` and `what do you remember?`; undefined for any other text. The answer comes after the write. */
export function answerFromMemory(machine: GuestMachine, text: string): string | undefined {
  const [, thing] = /^remember(?: that)?[ :]+(.+)$/is.exec(text) ?? []
  if (thing !== undefined) {
    const line = thing.replaceAll(/\s+/g, ' ').trim()
    machine.writeFile(fileOf(machine), `${[...remembered(machine), line].join('\n')}\n`)
    return `I will remember: ${line}`
  }
  if (!/^what do you remember\W*$/i.test(text)) return undefined
  const lines = remembered(machine)
  return lines.length === 0 ? 'I remember nothing.' : `I remember: ${lines.join('; ')}`
}
