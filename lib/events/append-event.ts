// The only writer of the event log. An event is appended by the statement that makes the change it describes, so
// there is no change without its event.
import { count, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { events } from '../../drizzle/schema/index.ts'
import type { EventType } from './event-types.ts'

/**
 * The CTE that appends one event for each row of another CTE.
 * @param source the other CTE's name; the SQL of `row` may use its columns
 */
export function appendEvent(
  db: Database,
  source: string,
  row: {
    event: EventType | SQL
    now: Date | SQL
    workspaceId?: SQL
    generation?: SQL
    payload: SQL
    where?: SQL
  },
) {
  return db.$with(`${source}_logged`, { seq: events.seq }).as(
    sql`insert into ${events} (workspace_id, type, generation, payload, at)
        select ${row.workspaceId ?? sql`null::uuid`}, ${row.event}, ${row.generation ?? sql`null::int`}, ${row.payload}, ${row.now instanceof Date ? row.now.toISOString() : row.now}::timestamptz
        from ${sql.identifier(source)} where ${row.where ?? sql`true`} returning seq`,
  )
}

type LoneEvent = Omit<typeof events.$inferInsert, 'seq' | 'type'> & { event: EventType }

const insertStatement = prepared((db, valueOf: ValueOf<{ rows: string }>) => {
  const rows = db.$with('rows', {}).as(
    sql`select * from jsonb_to_recordset(${valueOf('rows')}::jsonb)
      as row("workspaceId" uuid, event text, generation int, payload jsonb, at timestamptz)`,
  )
  const logged = appendEvent(db, 'rows', {
    event: sql`event`,
    now: sql`at`,
    workspaceId: sql`"workspaceId"`,
    generation: sql`generation`,
    payload: sql`payload`,
  })
  return db.with(rows, logged).select({ appended: count() }).from(logged)
})

/** Appends events about something that no statement changes: audit entries, a machine without a row. */
export async function insertEvents(db: Database, ...rows: LoneEvent[]): Promise<void> {
  await insertStatement(db, { rows: JSON.stringify(rows) })
}
