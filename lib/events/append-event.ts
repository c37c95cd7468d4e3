// The only writer of the event log. An event is appended by the statement that makes the change it describes, so
// there is no change without its event.
import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { events } from '../../drizzle/schema/index.ts'
import type { EventType } from './event-types.ts'

/**
 * The CTE that appends one event for each row of another CTE.
 * @param source the other CTE's name; the SQL of `row` may use its columns
 */
export function appendEvent(
  db: Database,
  source: string,
  row: { event: EventType | SQL; now: Date; workspaceId?: SQL; generation?: SQL; payload: SQL; where?: SQL },
) {
  return db.$with(`${source}_logged`, { seq: events.seq }).as(
    sql`insert into ${events} (workspace_id, type, generation, payload, at)
        select ${row.workspaceId ?? sql`null::uuid`}, ${row.event}, ${row.generation ?? sql`null::int`}, ${row.payload}, ${row.now.toISOString()}::timestamptz
        from ${sql.identifier(source)} where ${row.where ?? sql`true`} returning seq`,
  )
}

/** Appends one event about something that no statement changes: an audit entry, a machine without a row. */
export async function insertEvent(
  db: Database,
  { event, ...row }: Omit<typeof events.$inferInsert, 'seq' | 'type'> & { event: EventType },
): Promise<void> {
  await db.insert(events).values({ ...row, type: event })
}
