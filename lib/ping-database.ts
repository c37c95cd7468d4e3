// Whether the database answers, asked the cheapest way.
import { sql } from 'drizzle-orm'
import type { Database } from '../drizzle/database.ts'

/** @throws the driver's error when it does not */
export async function pingDatabase(db: Database): Promise<void> {
  await db.execute(sql`select 1`)
}
