// A short run of `npm run fuzz`: valid, extreme and hostile requests to every operation.
import { expect, test } from 'vitest'
import { createPostgresDatabase } from '../support/database.ts'
import { bundleOf } from '../support/server-program.ts'
import { spawnNode } from '../support/server.ts'

test('a short fuzz run finds no request that breaks, hangs or leaks', async () => {
  const run = `--requests 360 --seed 42 --database ${await createPostgresDatabase()}`
  const { exited, printed } = spawnNode(await bundleOf('scripts/fuzz/fuzz.ts'), {}, run.split(' '))
  const { code } = await exited
  expect(printed.stdout, printed.stderr).toMatch(
    /^fuzz seed=42 requests=360 operations=\d{2,3} violations=0 /,
  )
  expect(code).toBe(0)
})
