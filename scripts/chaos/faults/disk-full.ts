// The disk of a database is full for a while: Postgres, or the embedded database of a replica.
import type { Disk } from '../disk.ts'
import type { Fault } from '../parts.ts'
import type { Chance } from '../random.ts'

export const diskFull = (disks: readonly Disk[], chance: Chance): Fault => ({
  name: 'disk-full',
  async run(over) {
    let count = 0
    while (!over.aborted) {
      await chance.pause(15_000, 40_000)
      if (over.aborted) break
      const disk = chance.pick(disks)
      if (disk.fill()) count++
      await chance.pause(1_000, 8_000)
      disk.free()
    }
    return count
  },
})
