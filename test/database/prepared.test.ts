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
