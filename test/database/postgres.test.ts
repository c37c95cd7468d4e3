// The run's own Postgres must not meddle with the run: a database helper that ends its host process with code 0 once made
// failing suites look green.
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

test('a process that started the test database ends with its own exit code', () => {
  const program = `
    const { startPostgres } = await import(${JSON.stringify(new URL('../support/postgres.ts', import.meta.url).href)})
    const postgres = await startPostgres()
    await postgres.stop()
    process.exitCode = 3`
  expect(spawnSync(process.execPath, ['--input-type=module', '-e', program]).status).toBe(3)
})
