// A short run of `npm run hostile` on both runtimes, with some of its attacks: no message to the neighbour is lost, the server
// stays alive, and its memory and its uninterrupted work stay within their bounds.
import { expect, test } from 'vitest'
import { createPostgresDatabase } from '../support/database.ts'
import { spawnNode } from '../support/server.ts'

test.each([
  ['node', 6],
  ['workerd', 3],
])(
  'a hostile machine loses no message of its neighbour on %s',
  { timeout: 400_000 },
  async (runtime, sample) => {
    const run = `--runtime ${runtime} --sample ${sample} --seed 42 --seconds 0.4 --rest 0 --busy --database ${await createPostgresDatabase()}`
    const { exited, printed } = spawnNode('scripts/hostile/hostile.ts', {}, run.split(' '))
    const { code } = await exited
    expect(printed.stdout, printed.stderr).toMatch(
      new RegExp(`^hostile runtime=${runtime} seed=42 attacks=${sample} bad=0$`, 'm'),
    )
    expect(code).toBe(0)
  },
)
