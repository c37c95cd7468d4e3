// Events between two times are found by their numbers, in a log whose times are not quite in the order of its numbers.
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenDatabase } from '../../drizzle/database.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { listAudit } from '../../lib/audit/audit.ts'
import { narrowRange } from '../../lib/events/range-of-times.ts'
import { readEvents, readNewestEvents } from '../../lib/events/read-events.ts'
import { sleep } from '../../lib/platform/sleep.ts'
import { createPostgresDatabase } from '../support/database.ts'

const ROWS = 20_000
const BEGIN = Date.parse('2026-01-01T00:00:00Z')
const MINUTE = 60_000

let database: OpenDatabase
beforeAll(async () => {
  database = connectPostgres(await createPostgresDatabase())
  // One a minute, by processes whose clocks differ by up to 50 minutes; the oldest are gone, and so are some within.
  await database.db.execute(sql`
    insert into events (type, payload, at)
    select case when n % 3 = 0 then 'audit' else 'removed' end, '{"caller":"admin","route":"GET /","outcome":"ok"}',
           timestamptz '2026-01-01' + make_interval(mins => n + (n * 7919) % 51)
    from generate_series(1, ${ROWS}) n`)
  await database.db.execute(sql`delete from events where seq < 3000 or seq between 9000 and 9500`)
  await database.db.execute(sql`vacuum analyze events`)
})
afterAll(() => database.close())

const at = (minute: number) => new Date(BEGIN + minute * MINUTE)

async function expected(type: string, since: Date, until: Date): Promise<number[]> {
  const result: unknown = await database.db.execute(sql`
    select seq::int from events where type = ${type} and at >= ${since.toISOString()} and at < ${until.toISOString()} order by seq`)
  return (result as { rows: { seq: number }[] }).rows.map(({ seq }) => seq)
}

const TIMES: [number, number][] = [
  [-500, 50],
  [2_990, 3_100],
  [8_990, 9_100],
  [9_200, 9_520],
  [12_345, 12_346],
  [19_990, 40_000],
  [30_000, 40_000],
]

test.each(TIMES)('the events from minute %i to minute %i', async (from, to) => {
  const [since, until] = [at(from), at(to)]
  const core = { db: database.db, sleep }
  const all = await expected('removed', since, until)
  const oldest = await readEvents(core, { since, until, after: 0, limit: 20 })
  expect(oldest.events.map(({ seq }) => seq)).toEqual(all.slice(0, 20))
  const newest = await readNewestEvents(core, { since, until }, 20)
  expect(newest.events.map(({ seq }) => seq)).toEqual(all.slice(-20))
  const audited = await expected('audit', since, until)
  const services = { db: database.db } as Parameters<typeof listAudit>[0]
  const entries = await listAudit(services, { since, until, limit: 20 })
  expect(entries.map(({ seq }) => seq)).toEqual(audited.slice(-20).toReversed())
})

test.each(TIMES)('no more than some hours around minutes %i to %i are read', async (from, to) => {
  const range = { after: 0, upTo: ROWS }
  const narrowed = await narrowRange(database.db, range, { since: at(from), until: at(to) })
  const clocks = 2 * 60 + 2 * 51
  const result: unknown = await database.db.execute(
    sql`select count(*)::int from events where seq > ${narrowed.after} and seq <= ${narrowed.upTo}`,
  )
  const [row] = (result as { rows: { count: number }[] }).rows
  const wanted = Math.max(0, Math.min(to, ROWS + 51) - Math.max(from, 0))
  expect(row?.count).toBeLessThanOrEqual(wanted + clocks)
})
