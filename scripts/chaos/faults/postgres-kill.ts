// Postgres is killed, and starts again with what it had committed.
import type { Fault } from '../parts.ts'
import type { ChaosPostgres } from '../postgres.ts'
import type { Chance } from '../random.ts'

export const postgresKill = (postgres: ChaosPostgres, chance: Chance): Fault => ({
  name: 'postgres-kill',
  async run(over) {
    let count = 0
    while (!over.aborted) {
      await chance.pause(20_000, 60_000)
      if (over.aborted) break
      postgres.kill()
      count++
    }
    return count
  },
})
