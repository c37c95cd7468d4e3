// The statement that writes activity, one row or many.
import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { activities, workspaces } from '../../drizzle/schema/index.ts'
import { newIdAt } from '../platform/uuid.ts'
import { type ActivityRow, SHARED_COLUMNS } from './activity-row.ts'

// Sequence numbers are assigned in order but become visible in the order of commits. A reader that continues after
// the last number seen would miss a lower one that is committed later, so writers hold a lock until the statement
// ends.
export const WRITERS_LOCK = sql.raw('(select pg_advisory_xact_lock(4241861)) as locked')

const shared = Object.keys(SHARED_COLUMNS).join(', ')
const typed = Object.entries(SHARED_COLUMNS)
  .map(([name, type]) => `${name} ${type}`)
  .join(', ')

/** All values are texts: `shared` a JSON array of what rows share, the others arrays of Postgres with an element for each row. */
type Written = { shared: string; sharedBy: string; ids: string; durations: string; times: string }

const statementFor = (condition: SQL) =>
  prepared((db, valueOf: ValueOf<Written>) => {
    const written = db.$with('written', { id: activities.id }).as(sql`
      insert into ${activities} (id, duration_ms, created_at, ${sql.raw(shared)})
      select row.id, duration_ms, to_timestamp(at / 1000), ${sql.raw(shared)}
      from ${WRITERS_LOCK},
        rows from (jsonb_to_recordset(${valueOf('shared')}::jsonb) as (${sql.raw(typed)})) with ordinality
          as shared(${sql.raw(shared)}, number)
        join unnest(${valueOf('ids')}::uuid[], ${valueOf('durations')}::int[], ${valueOf('times')}::float8[],
            ${valueOf('sharedBy')}::int[])
          with ordinality as row(id, duration_ms, at, shares, position) on shares = number
      where ${condition}
      order by position
      returning id`)
    return db
      .with(written)
      .select({ rows: sql<number>`count(*)::int` })
      .from(written)
  })

const insertAll = statementFor(sql`true`)
const insertLiving = statementFor(
  sql`exists (select from ${workspaces} where ${workspaces.id} = shared.workspace_id and ${workspaces.status} <> 'removed')`,
)

/**
 * @param only `living` leaves out rows of workspaces that are unknown or removed
 * @returns the number of rows written
 */
export async function insertActivities(
  db: Database,
  rows: readonly ActivityRow[],
  only?: 'living',
): Promise<number> {
  const numbers = new Map<string, number>()
  const sharedBy = rows.map((row) => {
    const number = numbers.get(row.shared) ?? numbers.size + 1
    numbers.set(row.shared, number)
    return number
  })
  const insert = only === 'living' ? insertLiving : insertAll
  const [count] = await insert(db, {
    shared: `[${[...numbers.keys()].join(',')}]`,
    sharedBy: arrayOf(sharedBy),
    ids: arrayOf(rows.map(({ at }) => newIdAt(at))),
    durations: arrayOf(rows.map(({ durationMs }) => durationMs ?? 'null')),
    times: arrayOf(rows.map(({ at }) => at)),
  })
  return count?.rows ?? 0
}

const arrayOf = (values: readonly (string | number)[]) => `{${values.join(',')}}`
