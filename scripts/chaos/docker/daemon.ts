// The daemon is restarted, which stops its containers, or killed, which leaves them to its next start.
import type { Dockerd } from '../../../test/support/dockerd.ts'
import type { Fault } from '../parts.ts'
import type { Chance } from '../random.ts'

export const daemon = (dockerd: Dockerd, chance: Chance): Fault => ({
  name: 'daemon',
  async run(over) {
    let count = 0
    while (!over.aborted) {
      await chance.pause(15_000, 45_000)
      if (over.aborted) break
      await dockerd.restart(chance.hit(0.5) ? 'kill' : 'restart')
      count++
    }
    return count
  },
})
