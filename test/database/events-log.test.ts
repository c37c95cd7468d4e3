// The ordered log with concurrent writers, which commit in another order than their events are numbered.
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenDatabase } from '../../drizzle/database.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { readEvents } from '../../lib/events/read-events.ts'
import { visibleSeq } from '../../lib/events/visible-seq.ts'
import { createPostgresDatabase } from '../support/database.ts'

let url: string
let database: OpenDatabase
beforeAll(async () => {
  url = await createPostgresDatabase()
  database = connectPostgres(url)
})
afterAll(() => database.close())

const read = (after: number, limit = 100, sleep: (ms: number) => Promise<void> = delay) =>
  readEvents({ db: database.db, sleep }, { after, limit })

const INSERT = `insert into events (type, payload, at) values ('removed', '{}', now()) returning seq`

async function withClient<Result>(use: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** Writes events that are committed, or rolled back, some time after they got their numbers. */
const write = (count: number, lag: () => number) =>
  withClient(async (client) => {
    const committed: number[] = []
    for (let n = 0; n < count; n++) {
      await client.query('begin')
      const { rows } = await client.query<{ seq: string }>(INSERT)
      await delay(lag())
      const rolledBack = n % 7 === 3
      await client.query(rolledBack ? 'rollback' : 'commit')
      if (!rolledBack) committed.push(Number(rows[0]?.seq))
    }
    return committed
  })

test('a reader that continues from its last event reads every event once, in order', async () => {
  let writing = true
  const seen: number[] = []
  const reader = (async () => {
    for (let after = 0, last = false; ;) {
      const page = await read(after, 5)
      seen.push(...page.events.map(({ seq }) => seq))
      after = page.next
      if (last && page.events.length === 0) return
      last = !writing
    }
  })()
  const lags = Array.from({ length: 8 }, (_, at) => () => (at * 3) % 11)
  const written = await Promise.all(lags.map((lag) => write(40, lag)))
  writing = false
  await reader
  expect(seen).toEqual(written.flat().toSorted((a, b) => a - b))
})

test('an event waits for a lower number whose writer has not committed', async () => {
  const { next: start } = await read(0, 1_000)
  await withClient(async (slow) => {
    await slow.query('begin')
    await slow.query(INSERT)
    const [after] = await write(1, () => 0)
    // The lower number may still be used, so no event is returned, however long the reader waits.
    expect(await read(start, 100, () => Promise.resolve())).toEqual({ events: [], next: start })
    const waiting = read(start)
    await slow.query('commit')
    expect((await waiting).events.map(({ seq }) => seq)).toEqual([(after ?? 0) - 1, after])
  })
})

test('a writer that never commits is checked eight times, and the result is unknown', async () => {
  const statements: string[] = []
  const watched = connectPostgres(url, { watch: ({ text }) => void statements.push(text) })
  let waited = 0
  const sleep = (ms: number) => Promise.resolve(void (waited += ms))
  const seq = await withClient(async (client) => {
    await client.query('begin')
    await client.query(INSERT)
    const settled = await visibleSeq({ db: watched.db, sleep })
    await client.query('commit')
    return settled
  })
  await watched.close()
  expect(seq).toBeUndefined()
  expect(statements).toHaveLength(8)
  // Longer than any statement takes, and shorter than the limit of a request.
  expect(waited).toBeGreaterThan(2_000)
  expect(waited).toBeLessThan(5_000)
})
