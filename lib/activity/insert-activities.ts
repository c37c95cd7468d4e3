// The one statement that writes activity, whether one row or a thousand.
import { sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { activities, workspaces } from '../../drizzle/schema/index.ts'
import { ACTIVITY_COLUMNS } from './activity-row.ts'

// Numbers are taken in turn but become visible in the order of commits. Whoever reads on after the last number seen would
// miss a lower one that came later, so writers take their numbers one after the other. The lock ends with the statement.
const TURN = sql.raw('(select pg_advisory_xact_lock(4241861)) as turn')

const columns = Object.keys(ACTIVITY_COLUMNS).join(', ')
const typed = Object.entries(ACTIVITY_COLUMNS)
  .map(([name, type]) => `${name} ${type}`)
  .join(', ')

/**
 * @param rows as `toActivityRow` writes them
 * @param only `living`: rows of workspaces that are unknown or removed are left out
 * @returns how many were written
 */
export async function insertActivities(db: Database, rows: string[], only?: 'living'): Promise<number> {
  const living = sql`exists (select from ${workspaces} where ${workspaces.id} = row.workspace_id and ${workspaces.status} <> 'removed')`
  const written = db.$with('written', { id: activities.id }).as(sql`
    insert into ${activities} (${sql.raw(columns)})
    select ${sql.raw(columns)} from ${TURN}, jsonb_to_recordset(${`[${rows.join(',')}]`}::jsonb) as row(${sql.raw(typed)})
    where ${only === 'living' ? living : sql`true`}
    returning id`)
  const [count] = await db
    .with(written)
    .select({ rows: sql<number>`count(*)::int` })
    .from(written)
  return count?.rows ?? 0
}
