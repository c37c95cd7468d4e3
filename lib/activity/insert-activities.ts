// The statement that writes activity, one row or many.
import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { activities, workspaces } from '../../drizzle/schema/index.ts'
import { ACTIVITY_COLUMNS, type ActivityRow } from './activity-row.ts'

// Sequence numbers are assigned in order but become visible in the order of commits. A reader that continues after
// the last number seen would miss a lower one that is committed later, so writers hold a lock until the statement
// ends.
export const WRITERS_LOCK = sql.raw('(select pg_advisory_xact_lock(4241861)) as locked')

type Column = keyof typeof ACTIVITY_COLUMNS

const COLUMNS = Object.keys(ACTIVITY_COLUMNS) as Column[]
const columns = sql.raw(COLUMNS.join(', '))

// An array for each column, because Postgres reads it in half the time that it needs for rows as JSON.
const statementFor = (condition: SQL) =>
  prepared((db, valueOf: ValueOf<Record<Column, string>>) => {
    const arrays = COLUMNS.map((name) => sql`${valueOf(name)}::${sql.raw(ACTIVITY_COLUMNS[name])}[]`)
    const written = db.$with('written', { id: activities.id }).as(sql`
      insert into ${activities} (${columns})
      select ${columns} from ${WRITERS_LOCK}, unnest(${sql.join(arrays, sql`, `)}) as row(${columns})
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
export async function insertActivities(
  db: Database,
  rows: readonly ActivityRow[],
  only?: 'living',
): Promise<number> {
  const insert = only === 'living' ? insertLiving : insertAll
  const arrays = COLUMNS.map((name, at) => [name, `{${rows.map((row) => row[at]).join(',')}}`])
  const [count] = await insert(db, Object.fromEntries(arrays) as Record<Column, string>)
  return count?.rows ?? 0
}
