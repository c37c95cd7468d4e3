// Appends to the log what another part of the same statement has changed, so that there is no change without its event.
import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { events } from '../../drizzle/schema/index.ts'
import type { EventType } from './event-types.ts'

/**
 * The CTE that appends one event for each row of another CTE.
 * @param source the other CTE's name; the SQL of `row` is about its columns
 */
export function appendEvent(
  db: Database,
  source: string,
  row: { event: EventType | SQL; now: Date; workspaceId: SQL; generation?: SQL; payload: SQL },
) {
  return db.$with(`${source}_logged`, { seq: events.seq }).as(
    sql`insert into ${events} (workspace_id, type, generation, payload, at)
        select ${row.workspaceId}, ${row.event}, ${row.generation ?? sql`null::int`}, ${row.payload}, ${row.now.toISOString()}::timestamptz
        from ${sql.identifier(source)} returning seq`,
  )
}
