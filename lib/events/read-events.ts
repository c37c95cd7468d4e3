// Reads the log after a sequence number, in order: no event is skipped or returned twice.
import type { Core } from '../platform/context.ts'
import { and, asc, eq, gt, inArray, lte, notInArray, sql } from 'drizzle-orm'
import { events } from '../../drizzle/schema/index.ts'
import { ADMINS_ONLY, type EventType } from './event-types.ts'
import { visibleSeq } from './visible-seq.ts'

export type StoredEvent = typeof events.$inferSelect

export type EventsQuery = {
  /** The last sequence number that the reader has handled; 0 for the beginning. */
  after: number
  limit: number
  /** Without it: all except those for administrators only, which must be named. */
  types?: readonly EventType[] | undefined
  workspaceId?: string | undefined
  /** Only events of these workspaces; undefined: of all, and events without a workspace. */
  among?: readonly string[] | undefined
}

export type EventsPage = {
  events: StoredEvent[]
  /**
   * The next `after`: the last event's number, or a later one where nothing else matched. Never less than `after`.
   */
  next: number
}

export async function readEvents(
  services: Pick<Core, 'db' | 'sleep'>,
  query: EventsQuery,
): Promise<EventsPage> {
  const { after, limit } = query
  const visible = await visibleSeq(services)
  if (visible === undefined || visible <= after) return { events: [], next: after }
  const rows = await services.db
    .select()
    .from(events)
    .where(
      and(
        gt(events.seq, after),
        lte(events.seq, visible),
        query.types === undefined
          ? notInArray(events.type, [...ADMINS_ONLY])
          : inArray(events.type, [...query.types]),
        query.workspaceId === undefined ? undefined : eq(events.workspaceId, query.workspaceId),
        query.among === undefined
          ? undefined
          : sql`${events.workspaceId} = any(${`{${query.among.join(',')}}`}::uuid[])`,
      ),
    )
    .orderBy(asc(events.seq))
    .limit(limit)
  return { events: rows, next: rows.length < limit ? visible : (rows.at(-1)?.seq ?? after) }
}
