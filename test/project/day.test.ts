// A short version of `npm run bench:day`: the promises of docs/sleep.md hold for some workspaces and hours.
import { expect, test } from 'vitest'
import { createPostgresDatabase } from '../support/database.ts'
import { bundleOf } from '../support/server-program.ts'
import { spawnNode } from '../support/server.ts'

test('no work is suspended, no message is lost and nothing stays awake in vain in a short simulated day', async () => {
  const run = ['--workspaces', '12', '--hours', '1', '--seed', '7']
  const database = await createPostgresDatabase()
  const { exited, printed } = spawnNode(await bundleOf('scripts/bench/day.ts'), {}, [
    ...run,
    '--database',
    database,
  ])
  const { code } = await exited
  // Two-digit counts: enough happened to prove something.
  expect(printed.stdout, printed.stderr).toMatch(
    / messages=\d\d+ sleeps=\d\d+ .* suspended_at_work=0 suspended_early=0 awake_in_excess=[01](\.\d+)?% messages_lost=0 messages_doubled=0 seconds=\d+\n$/,
  )
  expect(code).toBe(0)
})
