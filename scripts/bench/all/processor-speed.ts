// How fast the computer is at this moment, so that limits in milliseconds can be compared between runs and computers: the processor
// time of a fixed piece of work like that of a server, which no change of this project makes faster.
import { createHash } from 'node:crypto'

/** The same in every version of this project: another piece of work could not be compared. */
const DOCUMENT = {
  id: 'a-workspace-of-this-piece-of-work',
  labels: { team: 'red', stage: 'test' },
  numbers: Array.from({ length: 40 }, (_, index) => index * 1_000_003),
  texts: Array.from({ length: 40 }, (_, index) => `text ${index} with "quotes", and a ü`),
}

/** About 100 ms on a server processor of 2021. */
const REPETITIONS = 6_000

/** @returns milliseconds of processor time */
export function fixedWorkMs(): number {
  const begun = process.cpuUsage()
  const hash = createHash('sha256')
  for (let at = 0; at < REPETITIONS; at++) {
    const copy = JSON.parse(JSON.stringify({ ...DOCUMENT, at })) as typeof DOCUMENT
    hash.update(copy.texts.map((text, index) => `${text}${copy.numbers[index] ?? 0}`).join())
  }
  hash.digest()
  const { system, user } = process.cpuUsage(begun)
  return (user + system) / 1_000
}
