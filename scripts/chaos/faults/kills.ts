// Replicas are killed or stopped, and started again. A replica with the embedded database is killed with its database.
import type { Fault } from '../parts.ts'
import type { Chance } from '../random.ts'
import type { Replica } from '../replica.ts'

/**
 * Pauses between kills, in milliseconds of the run's clock. The embedded database recovers for seconds of real time, and must then
 * be used for a while.
 */
const PAUSES = { postgres: { low: 10_000, high: 40_000 }, embedded: { low: 40_000, high: 90_000 } }

/** @param replicas those of one control plane */
export const kills = (
  replicas: readonly Replica[],
  database: keyof typeof PAUSES,
  chance: Chance,
): Fault => ({
  name: 'kills',
  async run(over) {
    let count = 0
    while (!over.aborted) {
      await chance.pause(PAUSES[database].low, PAUSES[database].high)
      if (over.aborted) break
      // Mostly one, sometimes all.
      const victims = chance.hit(0.2) ? replicas : [chance.pick(replicas)]
      // Some are asked to stop, most are not.
      const signal = chance.hit(0.3) ? 'SIGTERM' : 'SIGKILL'
      await Promise.all(victims.map((replica) => replica.kill(signal)))
      count += victims.length
      await chance.pause(100, 3_000)
      await Promise.all(victims.map((replica) => startAgain(replica, chance)))
    }
    return count
  },
})

/** More than a full disk lasts. */
const MOST_STARTS = 20

/** As a service manager does: a replica whose disk is full cannot start. @throws Error after too many attempts */
async function startAgain(replica: Replica, chance: Chance): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await replica.start()
    } catch (error) {
      if (tries === MOST_STARTS) throw error
      await chance.pause(1_000, 2_000)
    }
  }
}
