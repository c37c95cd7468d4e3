// The statement that writes activity, one row or many.
import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { activities, workspaces } from '../../drizzle/schema/index.ts'
import { ACTIVITY_COLUMNS } from './activity-row.ts'

// Sequence numbers are assigned in order but become visible in the order of commits. A reader that continues after
// the last number seen would miss a lower one that is committed later, so writers hold a lock until the statement
// ends.
export const WRITERS_LOCK = sql.raw('(select pg_advisory_xact_lock(4241861)) as locked')

const columns = Object.keys(ACTIVITY_COLUMNS).join(', ')
const typed = Object.entries(ACTIVITY_COLUMNS)
  .map(([name, type]) => `${name} ${type}`)
  .join(', ')

const statementFor = (condition: SQL) =>
  prepared((db, valueOf: ValueOf<{ rows: string }>) => {
    const written = db.$with('written', { id: activities.id }).as(sql`
      insert into ${activities} (${sql.raw(columns)})
      select ${sql.raw(columns)} from ${WRITERS_LOCK}, jsonb_to_recordset(${valueOf('rows')}::jsonb) as row(${sql.raw(typed)})
      where ${condition}
      returning id`)
    return db
      .with(written)
      .select({ rows: sql<number>`count(*)::int` })
      .from(written)
  })

const insertAll = statementFor(sql`true`)
const insertLiving = statementFor(
  sql`exists (select from ${workspaces} where ${workspaces.id} = row.workspace_id and ${workspaces.status} <> 'removed')`,
)

/**
 * @param rows from `toActivityRow`
 * @param only `living` leaves out rows of workspaces that are unknown or removed
 * @returns the number of rows written
 */
export async function insertActivities(db: Database, rows: string[], only?: 'living'): Promise<number> {
  const insert = only === 'living' ? insertLiving : insertAll
  const [count] = await insert(db, { rows: `[${rows.join(',')}]` })
  return count?.rows ?? 0
}
