// A short run of `npm run chaos`: nothing leaks, nothing is lost or doubled, nothing gets stuck, and every failure has a reason.
import { expect, test } from 'vitest'
import { createPostgresDatabase } from '../support/database.ts'
import { spawnNode } from '../support/server.ts'

/** The faults that need no long time to settle, and no server of their own. */
const FAULTS = ['fly', 'volumes', 'operator', 'kills', 'connections', 'migrations']

test(
  'a short chaos run, in which each fault strikes two replicas beside machines of others, leaves nothing leaked, lost, doubled, stuck or unexplained',
  // What does not settle is reported after 90 s, and a busy computer needs longer for everything.
  { timeout: 300_000 },
  async () => {
    const database = await createPostgresDatabase()
    const run = `--workspaces 12 --seed 42 --seconds 45 --speed 10 --least 0 --faults ${FAULTS.join(',')} --control-planes first --database ${database}`
    const { exited, printed } = spawnNode('scripts/chaos/chaos.ts', {}, run.split(' '))
    const { code } = await exited
    expect(printed.stdout, printed.stderr).toMatch(
      / leaks=0 duplicates=0 touched=0 stuck=0 unexplained=0 lost=0 doubled=0 misreported=0 webhooks_lost=0 hooks_lost=0 delegations_stuck=0 rollouts_stuck=0 disks_lost=0 disks_doubled=0 disks_orphaned=0 work_lost=0 too_little=0 seconds=\d+\n$/,
    )
    expect(code).toBe(0)
    const [, struck = ''] = /^calm: (.*) requests=/m.exec(printed.stderr) ?? []
    const counts = Object.fromEntries(struck.split(' ').map((count) => count.split('=') as [string, string]))
    expect(
      FAULTS.filter((fault) => !(Number(counts[fault]) > 0)),
      printed.stderr,
    ).toEqual([])
  },
)
