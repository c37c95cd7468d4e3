// The clocks of replicas jump, forward and back, by up to five minutes, and are set right later. Every replica has its own.
import type { Fault } from '../parts.ts'
import type { Chance } from '../random.ts'
import type { Replica } from '../replica.ts'

const LARGEST_JUMP_MS = 300_000

export const clocks = (replicas: readonly Replica[], chance: Chance): Fault => ({
  name: 'clocks',
  async run(over) {
    let count = 0
    while (!over.aborted) {
      await chance.pause(10_000, 40_000)
      if (over.aborted) break
      const wrong = chance.hit(0.3) ? [chance.pick(replicas), chance.pick(replicas)] : [chance.pick(replicas)]
      for (const replica of wrong) replica.setClock(chance.between(-LARGEST_JUMP_MS, LARGEST_JUMP_MS))
      count++
      await chance.pause(5_000, 40_000)
      for (const replica of wrong) replica.setClock(0)
    }
    return count
  },
})
