// A client that reads a long stream slowly costs bounded memory: the server as a process, real sockets, and an agent that
// sends more than the connections can buffer. `npm run proof:slow-reader` is the long version.
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
