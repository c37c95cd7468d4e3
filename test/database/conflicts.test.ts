// Statements that Postgres ends because of others: they are repeated, and a caller gets an answer that says when to come back.
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { isDatabaseUnavailable } from '../../drizzle/database-failure.ts'
import { connectNeon } from '../../drizzle/drivers/neon.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { createHarness, type Harness } from '../support/harness.ts'
import { startNeonBridge } from '../support/neon-bridge.ts'
import { cleanUps } from '../support/tcp-servers.ts'

const drivers = {
  Postgres: async (url: string) => connectPostgres(url),
  async 'Neon over HTTP'(url: string) {
    const bridge = await startNeonBridge()
    cleanUps.push(() => bridge.close())
    return connectNeon(url, { endpoint: bridge.endpoint })
  },
}

test.each(Object.entries(drivers))(
  'two statements over %s that lock the same rows in opposite orders are both carried out',
  async (_, open) => {
    const { close, db } = await open(await createEmptyDatabase())
    cleanUps.push(close)
    await db.execute(sql`create table counters (id int primary key, count int not null)`)
    await db.execute(sql`insert into counters values (1, 0), (2, 0)`)
    // The first row is locked for longer than the other statement needs for its own first row.
    const raise = (first: number, second: number) =>
      db.execute(sql`
        with one as (update counters set count = count + 1 where id = ${first}::int returning id),
             slept as (select pg_sleep(0.5), id from one)
        update counters set count = count + 1 where id = ${second}::int and exists (select from slept)`)
    await Promise.all([raise(1, 2), raise(2, 1)])
    const counted = await db.execute(sql`select min(count) as least from counters`)
    expect(counted).toMatchObject({ rows: [{ least: 2 }] })
  },
)

test('a conflict that does not end makes the database unavailable', async () => {
  const { close, db } = connectPostgres(inject('postgresUrl'))
  cleanUps.push(close)
  for (const code of ['40P01', '40001']) {
    const conflict = db.execute(
      sql.raw(`do $$ begin raise exception 'a conflict' using errcode = '${code}'; end $$`),
    )
    await expect(conflict).rejects.toSatisfy(isDatabaseUnavailable)
  }
})

describe('a delegation whose statement meets a deadlock', () => {
  let h: Harness
  let from: string
  let to: string
  beforeEach(async () => {
    h = await createHarness()
    from = (await h.createWorkspace()).id
    to = (await h.createWorkspace()).id
  })
  afterEach(() => h.close())

  /** The first inserts of a delegation are deadlocks. A sequence counts them, because it is not rolled back. */
  async function deadlocks(times: number): Promise<void> {
    await h.db.execute(sql`create sequence deadlocks`)
    await h.db.execute(
      sql.raw(`create function deadlock() returns trigger language plpgsql as $$ begin
        if nextval('deadlocks') <= ${times} then raise exception 'deadlock detected' using errcode = '40P01'; end if;
        return new; end $$`),
    )
    await h.db.execute(
      sql`create trigger deadlocks before insert on delegations for each row execute function deadlock()`,
    )
  }
  const delegate = () =>
    h.request(`/workspaces/${from}/delegate`, { method: 'POST', json: { target_id: to, task: 'Count.' } })

  test('a short deadlock is not seen by the caller', async () => {
    await deadlocks(2)
    expect((await delegate()).status).toBe(202)
    const { body } = await h.request<unknown[]>(`/workspaces/${from}/delegations`)
    expect(body).toHaveLength(1)
  })

  test('a lasting deadlock is answered with the time to come back, and nothing is stored', async () => {
    await deadlocks(1_000)
    const { body, headers, status } = await delegate()
    expect(status).toBe(503)
    expect(body).toMatchObject({ code: 'unavailable' })
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await h.request<unknown[]>(`/workspaces/${from}/delegations`)).body).toEqual([])
  })
})
