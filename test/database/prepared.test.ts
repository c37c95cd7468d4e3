// Prepared statements: Postgres plans each once for a connection, and they also work behind a pooler that gives each transaction
// another session.
import { createHash } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import type { Database } from '../../drizzle/database.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { controlPlane } from '../../drizzle/schema/index.ts'
import { bound } from '../support/bound-values.ts'
import { createPostgresDatabase } from '../support/database.ts'

const build = (db: Database, valueOf: ValueOf<{ id: string; at: Date; nothing: string | null }>) =>
  db
    .select({
      id: controlPlane.id,
      at: sql<string>`${valueOf('at')}::timestamptz at time zone 'UTC'`,
      nothing: sql<string | null>`${valueOf('nothing')}::text`,
    })
    .from(controlPlane)
    .where(eq(controlPlane.id, valueOf('id')))

const statement = prepared(build)

const values = (id: string, year = '2001') => ({ id, at: new Date(`${year}-01-01T00:00:00Z`), nothing: null })

async function open() {
  const database = connectPostgres(await createPostgresDatabase(), { max: 1 })
  const [row] = await database.db.select().from(controlPlane)
  const known = async () => {
    const { rows } = (await database.db.execute(sql`select name from pg_prepared_statements`)) as {
      rows: unknown[]
    }
    return rows.length
  }
  return { ...database, id: row?.id ?? '', known }
}

test('each database runs a statement for itself, with the values of the call, and plans it once', async () => {
  for (const { close, db, id, known } of [await open(), await open()]) {
    for (const year of ['2001', '2002']) {
      const answer = await statement(db, values(id, year))
      expect(answer).toEqual([{ id, at: expect.stringContaining(year) as string, nothing: null }])
    }
    expect(await known()).toBe(1)
    await close()
  }
})

test.each([
  ['does not know the name', sql`deallocate all`],
  ['knows the name from another client', undefined],
])('a statement runs where the session %s, and names end there', async (_, before) => {
  const { close, db, id, known } = await open()
  if (before === undefined) {
    // As a pooler does: this session learned the name from another client, so this client prepares it once more.
    const name = nameOf(db, id)
    await db.execute(sql.raw(`prepare "${name}" as select 1`))
  } else {
    await statement(db, values(id))
    await db.execute(before)
  }
  expect(await statement(db, values(id))).toHaveLength(1)
  expect(await statement(db, values(id))).toHaveLength(1)
  expect(await known()).toBe(0)
  await close()
})

function nameOf(db: Database, id: string): string {
  const { sql: text } = build(db, bound(values(id))).toSQL()
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

test('a statement that is planned each time has no name', async () => {
  const { close, db, id, known } = await open()
  await prepared(build, { planEachTime: true })(db, values(id))
  expect(await known()).toBe(0)
  await close()
})

const readKinds = prepared((db: Database, valueOf: ValueOf<{ at: Date; on: boolean; count: number }>) =>
  db
    .select({
      at: sql`${valueOf('at')}::timestamptz`.mapWith(controlPlane.lastSweptAt),
      on: sql<boolean>`${valueOf('on')}::boolean`,
      count: sql<number>`${valueOf('count')}::int`,
      share: sql<number>`0.5::real`,
      large: sql<string>`9007199254740993`,
      text: sql<string>`'ä'`,
      list: sql<unknown>`'[{"a": null}]'::jsonb`,
      names: sql<string[]>`array['a', 'b']`,
      nothing: sql<null>`null::jsonb`,
    })
    .from(controlPlane),
)

test('the first and later executions on a connection read every type of column alike', async () => {
  const { close, db } = await open()
  const expected = {
    on: true,
    count: -7,
    share: 0.5,
    large: '9007199254740993',
    text: 'ä',
    list: [{ a: null }],
    names: ['a', 'b'],
    nothing: null,
  }
  for (const at of [new Date('2001-01-01T00:00:00.123Z'), new Date('2002-01-01T00:00:00Z')]) {
    expect(await readKinds(db, { at, on: true, count: -7 })).toEqual([{ at, ...expected }])
  }
  await close()
})

test('a statement without columns in its answer runs again and again', async () => {
  const { close, db } = await open()
  const touch = prepared((database: Database, valueOf: ValueOf<{ at: Date }>) =>
    database.update(controlPlane).set({ lastSweptAt: sql`${valueOf('at')}::timestamptz` }),
  )
  const at = new Date('2001-01-01T00:00:00Z')
  await touch(db, { at })
  await touch(db, { at })
  expect(await db.select({ at: controlPlane.lastSweptAt }).from(controlPlane)).toEqual([{ at }])
  await close()
})

test('a statement runs after a migration has changed the type of a column of it', async () => {
  const { close, db } = await open()
  await db.execute(sql`create table changed as select 1 as one`)
  const read = prepared((database: Database) => database.select({ one: sql`one` }).from(sql`changed`))
  expect(await read(db, {})).toEqual([{ one: 1 }])
  await db.execute(sql`alter table changed alter one type text`)
  expect(await read(db, {})).toEqual([{ one: '1' }])
  expect(await read(db, {})).toEqual([{ one: '1' }])
  await close()
})

test('a statement that fails or takes too long says so, and the next one has another connection', async () => {
  const { close, db } = connectPostgres(await createPostgresDatabase(), { max: 1, timeoutMs: 400 })
  const divide = prepared((database: Database, valueOf: ValueOf<{ by: number }>) =>
    database.select({ quotient: sql<number>`6 / ${valueOf('by')}::int` }).from(controlPlane),
  )
  const wait = prepared((database: Database, valueOf: ValueOf<{ seconds: number }>) =>
    database.select({ slept: sql`pg_sleep(${valueOf('seconds')}::float)::text` }).from(controlPlane),
  )
  for (let round = 0; round < 2; round++) {
    expect(await divide(db, { by: 2 })).toEqual([{ quotient: 3 }])
    await expect(divide(db, { by: 0 })).rejects.toMatchObject({ cause: { code: '22012' } })
    expect(await wait(db, { seconds: 0 })).toEqual([{ slept: '' }])
    await expect(wait(db, { seconds: 5 })).rejects.toMatchObject({
      cause: { message: expect.any(String) as string },
    })
  }
  await close()
})

test('rows with members in members, and statements for one call, are read alike', async () => {
  const { close, db, id } = await open()
  const flat = {
    id: controlPlane.id,
    at: sql`${values(id).at.toISOString()}::timestamptz`.mapWith(controlPlane.lastSweptAt),
  }
  const inner = prepared((database: Database) =>
    database.select({ flat, one: sql<number>`1` }).from(controlPlane),
  )
  const expected = { id, at: values(id).at }
  expect(await inner(db, {})).toEqual([{ flat: expected, one: 1 }])
  expect(await db.select(flat).from(controlPlane)).toEqual([expected])
  await close()
})
