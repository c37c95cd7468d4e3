// One Postgres for the run; files in parallel processes. `npm test` leaves out test/system, whose tests start servers, containers and
// browsers; `npm run test:system` runs only those.
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'
import { RepeatedTests } from './test/support/repeated-tests.ts'
import { TARGET } from './test/support/test-target.ts'

/** On two processors the default is one: but much of what the tests do is wait for other processes, or their own PGlite. */
const WORKERS = { postgres: 6, pglite: 2, workerd: 4, hyperdrive: 4 }

export default defineConfig({
  test: {
    // Relative to the directory, which `--dir test/system` narrows.
    dir: 'test',
    include: TARGET === 'postgres' ? ['**/*.test.ts'] : ['behaviour/*.test.ts', 'system/console/*.test.ts'],
    globalSetup: ['test/support/postgres.ts'],
    pool: 'forks',
    // One process for many files: loading everything anew for each took a third of the time. No file leaves anything behind.
    isolate: false,
    maxWorkers: WORKERS[TARGET],
    reporters: [
      'default',
      ...(process.env['GITHUB_ACTIONS'] === 'true' ? ['github-actions'] : []),
      new RepeatedTests(),
    ],
    sequence: { sequencer: LongestFirst },
    // Nothing is expected to be slow, but a busy computer is.
    expect: { poll: { timeout: 60_000 } },
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
})
