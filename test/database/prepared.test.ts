// Prepared statements: they have no names in Postgres, so that they work behind a pooler that gives each transaction another
// session, and each database runs its own.
import { eq, sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { controlPlane } from '../../drizzle/schema/index.ts'
import { createPostgresDatabase } from '../support/database.ts'

const statement = prepared((db, valueOf: ValueOf<{ id: string; at: Date; nothing: string | null }>) =>
  db
    .select({
      id: controlPlane.id,
      at: sql<string>`${valueOf('at')}::timestamptz at time zone 'UTC'`,
      nothing: sql<string | null>`${valueOf('nothing')}::text`,
    })
    .from(controlPlane)
    .where(eq(controlPlane.id, valueOf('id'))),
)

test('a prepared statement has no name, and each database answers for itself', async () => {
  const databases = await Promise.all(
    Array.from({ length: 2 }, async () => connectPostgres(await createPostgresDatabase(), { max: 1 })),
  )
  for (const { close, db } of databases) {
    const [row] = await db.select().from(controlPlane)
    const id = row?.id ?? ''
    for (const year of ['2001', '2002']) {
      const values = { id, at: new Date(`${year}-01-01T00:00:00Z`), nothing: null }
      const answer = await statement(db, values)
      expect(answer).toEqual([{ id, at: expect.stringContaining(year) as string, nothing: null }])
    }
    const { rows } = (await db.execute(sql`select name from pg_prepared_statements`)) as { rows: unknown[] }
    expect(rows).toEqual([])
    await close()
  }
})
