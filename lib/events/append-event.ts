// The only writer of the event log. An event is appended by the statement that makes the change it describes, so
// there is no change without its event.
import { type SQL, sql } from 'drizzle-orm'
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

type EventValues = {
  event: EventType
  workspaceId: string | null
  generation: number | null
  payload: string
  at: Date
}

const insertStatement = prepared((db, valueOf: ValueOf<EventValues>) =>
  db.insert(events).values({
    type: sql`${valueOf('event')}`,
    workspaceId: sql`${valueOf('workspaceId')}`,
    generation: sql`${valueOf('generation')}`,
    payload: sql`${valueOf('payload')}`,
    at: sql`${valueOf('at')}`,
  }),
)

/** Appends one event about something that no statement changes: an audit entry, a machine without a row. */
export async function insertEvent(
  db: Database,
  { event, ...row }: Omit<typeof events.$inferInsert, 'seq' | 'type'> & { event: EventType },
): Promise<void> {
  const { at, generation = null, payload, workspaceId = null } = row
  await insertStatement(db, { event, workspaceId, generation, payload: JSON.stringify(payload), at })
}
