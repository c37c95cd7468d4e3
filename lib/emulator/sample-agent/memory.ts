// What the sample agent keeps on its disk: a file with one line for each thing to remember, and a counter.

import type { GuestMachine } from '../guests/host.ts'

/** Where the disk of a workspace is mounted, unless `WORKSPACE_DISK_PATH` says otherwise. */
const DEFAULT_DISK_PATH = '/workspace'

const diskOf = ({ env }: GuestMachine): string => env['WORKSPACE_DISK_PATH'] || DEFAULT_DISK_PATH

/** `remember X`, `what do you remember?` and `count`; undefined for any other text. The answer comes after the write. */
export function answerFromMemory(machine: GuestMachine, text: string): string | undefined {
  const notes = `${diskOf(machine)}/memory.txt`
  const lines = (machine.readFile(notes) ?? '').split('\n').filter((line) => line !== '')
  const [, thing] = /^remember(?: that)?[ :]+([^ :].*)$/is.exec(text) ?? []
  if (thing !== undefined) {
    const line = thing.replaceAll(/\s+/g, ' ').trim()
    machine.writeFile(notes, `${[...lines, line].join('\n')}\n`)
    return `I will remember: ${line}`
  }
  if (/^what do you remember\W*$/i.test(text))
    return lines.length === 0 ? 'I remember nothing.' : `I remember: ${lines.join('; ')}`
  if (text === 'count') {
    const counter = `${diskOf(machine)}/counter`
    const count = Number(machine.readFile(counter) ?? 0) + 1
    machine.writeFile(counter, String(count))
    return `Count: ${count}`
  }
  return undefined
}
