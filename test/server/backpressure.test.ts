// A slow reader of a long stream costs bounded memory: the real server as a process, real sockets, and an agent that says more
// than the road may hold. The long version is `npm run proof:slow-reader`.
import { expect, test } from 'vitest'
import { problemsOf } from '../../scripts/bench/slow-reader/limits.ts'
import { readSlowly } from '../../scripts/bench/slow-reader/slow-read.ts'
import { createPostgresDatabase } from '../support/database.ts'

const MEGABYTES = 200

test(
  'a client that stops reading stops the agent, and then gets every byte',
  { timeout: 60_000 },
  async () => {
    const databaseUrl = await createPostgresDatabase()
    const read = await readSlowly({ megabytes: MEGABYTES, pauseMs: 1_500, databaseUrl })
    expect(problemsOf(read)).toEqual([])
    expect(read).toMatchObject({ saidMb: MEGABYTES, readMb: MEGABYTES, same: true })
  },
)
