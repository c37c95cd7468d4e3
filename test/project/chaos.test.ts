// A short run of `npm run chaos`: nothing leaks, nothing gets stuck, and every failure has a reason.
import { expect, test } from 'vitest'
import { createPostgresDatabase } from '../support/database.ts'
import { spawnNode } from '../support/server.ts'

test(
  'a short chaos run with faults and kills leaves nothing leaked, stuck or unexplained',
  { timeout: 120_000 },
  async () => {
    const database = await createPostgresDatabase()
    const run = `--workspaces 16 --seed 42 --seconds 100 --speed 10 --least 0 --database ${database}`
    const { exited, printed } = spawnNode('scripts/chaos/chaos.ts', {}, run.split(' '))
    const { code } = await exited
    expect(printed.stdout, printed.stderr).toMatch(
      /leaks=0 duplicates=0 stuck=0 unexplained=0 seconds=\d+\n$/,
    )
    expect(code).toBe(0)
  },
)
