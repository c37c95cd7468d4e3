// One Postgres for the run; files in parallel processes.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Relative to the directory, which `--dir test/behaviour` narrows.
    dir: 'test',
    include: ['**/*.test.ts'],
    globalSetup: ['test/support/postgres.ts'],
    pool: 'forks',
    // On two processors the default is one: but much of what the tests do is wait for other processes.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
