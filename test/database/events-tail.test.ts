// Listeners at two replicas with concurrent writers: listeners connect, disconnect and fall behind, and writers commit in
// another order than their events are numbered.
import { setTimeout as delay } from 'node:timers/promises'
import { gt, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenDatabase } from '../../drizzle/database.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { events } from '../../drizzle/schema/index.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { LONG_LIVED } from '../../lib/control-plane/long-lived.ts'
import { followEvents } from '../../lib/events/follow-events.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { createPostgresDatabase } from '../support/database.ts'

const replicaOf = (database: OpenDatabase) =>
  createServices(parseConfig({}), database, { fetch, log: () => {}, longLived: LONG_LIVED })

let url: string
let databases: OpenDatabase[]
let replicas: Services[]
beforeAll(async () => {
  url = await createPostgresDatabase()
  databases = [connectPostgres(url), connectPostgres(url)]
  replicas = databases.map((database) => replicaOf(database))
})
afterAll(() => Promise.all(databases.map((database) => database.close())))

const replica = (at: number): Services => replicas[at % replicas.length] as Services

/** Writes events. Some statements fail after they got a number. */
async function write(services: Services, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    // The number is assigned first, the commit follows later.
    const written = services.db.execute(
      sql`with made as (insert into events (type, payload, at) values ('removed', '{}', now()) returning seq)
          select seq, pg_sleep(${(n % 5) / 500}), 1 / (seq % 9) from made`,
    )
    await written.catch(() => {})
  }
}

const all = async ({ db }: Services, after: number) => {
  const rows = await db
    .select({ seq: events.seq })
    .from(events)
    .where(gt(events.seq, after))
    .orderBy(events.seq)
  return rows.map(({ seq }) => seq)
}

/** Receives pages until there are at least `most` events or the signal aborts. */
async function receive(
  services: Services,
  after: number,
  most: number,
  signal: AbortSignal,
): Promise<number[]> {
  const received: number[] = []
  for await (const page of followEvents(services, { after }, signal)) {
    received.push(...page.events.map(({ seq }) => seq))
    if (received.length >= most || signal.aborted) break
  }
  return received
}

test('a listener that reconnects to another replica receives every event once, in order', async () => {
  const left = new AbortController()
  const readers = Array.from({ length: 12 }, async (_, reader) => {
    const received: number[] = []
    for (let turn = reader; !left.signal.aborted; turn++) {
      const part = await receive(replica(turn), received.at(-1) ?? 0, 1 + ((reader * 7) % 23), left.signal)
      received.push(...part)
    }
    return received
  })
  await Promise.all(Array.from({ length: 10 }, (_, writer) => write(replica(writer), 40)))
  const written = await all(replica(0), 0)
  expect(written.length).toBeGreaterThan(300)
  await delay(1_000)
  left.abort()
  // Wakes the waiting listeners.
  await write(replica(0), 1)
  for (const received of await Promise.all(readers))
    expect(received.slice(0, written.length)).toEqual(written)
})

test('a slow listener falls behind the memory of the tail and still misses nothing', async () => {
  const services = replica(0)
  const start = (await all(services, 0)).at(-1) ?? 0
  const slow = followEvents(services, { after: start }, new AbortController().signal)
  const quick = receive(services, start, 6_001, new AbortController().signal)
  await write(services, 1)
  const first = await slow.next()
  for (let n = 0; n < 6; n++) {
    await services.db.execute(
      sql`insert into events (type, payload, at) select 'removed', '{}', now() from generate_series(1, 1000)`,
    )
  }
  const written = await all(services, start)
  await expect.poll(() => services.eventTail?.after(start)).toBeUndefined()
  const received = first.value?.events.map(({ seq }) => seq) ?? []
  while (received.length < written.length) {
    const page = await slow.next()
    expect(page.value?.events.length).toBeLessThanOrEqual(200)
    received.push(...(page.value?.events.map(({ seq }) => seq) ?? []))
  }
  expect(received).toEqual(written)
  expect((await quick).slice(0, written.length)).toEqual(written)
  await slow.return(undefined)
})

test('the log is not read while there are no listeners', async () => {
  let statements = 0
  const database = connectPostgres(url, { watch: () => void statements++ })
  const services = replicaOf(database)
  await delay(500)
  expect(statements).toBe(0)
  const after = (await all(replica(0), 0)).at(-1) ?? 0
  const listening = receive(services, after, 1, new AbortController().signal)
  await expect.poll(() => statements).toBeGreaterThan(3)
  await write(replica(0), 1)
  await listening
  const before = statements
  await delay(600)
  expect(statements - before).toBeLessThanOrEqual(2)
  await database.close()
})
