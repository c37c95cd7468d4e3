// A short run of `npm run hostile` on both runtimes, with an attack of each kind of harm: no message to the neighbour is lost, the server
// stays alive, and its memory and its uninterrupted work stay within their bounds.
import { expect, test } from 'vitest'
import { createPostgresDatabase } from '../support/database.ts'
import { spawnNode } from '../support/server.ts'

/** What they harm: processor time, memory, connections, the database. */
const ATTACKS = [
  'a card nested 20,000 deep',
  'an answer of 200 MB to a stored message',
  'connections that close at once',
  'a flood of heartbeats that change everything',
]
const RUNTIMES = ['node', 'workerd']

test(
  'a hostile machine loses no message of its neighbour on Node and in workerd',
  { timeout: 400_000 },
  async () => {
    const { exited, printed } = spawnNode('scripts/hostile/hostile.ts', {}, [
      ...RUNTIMES.flatMap((runtime) => ['--runtime', runtime]),
      ...ATTACKS.flatMap((attack) => ['--attack', attack]),
      ...`--seconds 0.4 --rest 0 --busy --database ${await createPostgresDatabase()}`.split(' '),
    ])
    const { code } = await exited
    for (const runtime of RUNTIMES)
      expect(printed.stdout, printed.stderr).toContain(
        `\nhostile runtime=${runtime} attacks=${ATTACKS.length} bad=0\n`,
      )
    expect(code).toBe(0)
  },
)
