// Reads the log: after a sequence number, in order, so that no event is skipped or returned twice; or its newest events.
import type { Core } from '../platform/context.ts'
import { and, asc, desc, eq, gt, gte, inArray, lt, lte, notInArray, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { events } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { ADMINS_ONLY, type EventType } from './event-types.ts'
import { visibleSeq } from './visible-seq.ts'

export type StoredEvent = typeof events.$inferSelect

export type EventsFilter = {
  /** Without it: all except those for administrators only, which must be named. */
  types?: readonly EventType[] | undefined
  workspaceId?: string | undefined
  /** Only events of these workspaces; undefined: of all, and events without a workspace. */
  among?: readonly string[] | undefined
  /** Only events at this time or later. */
  since?: Date | undefined
  /** Only events before this time. */
  until?: Date | undefined
}

export type EventsQuery = EventsFilter & {
  /** The last sequence number that the reader has handled; 0 for the beginning. */
  after: number
  limit: number
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
  const rows = await pageStatement(services.db, query, visible)
  return { events: rows, next: rows.length < limit ? visible : (rows.at(-1)?.seq ?? after) }
}

/** The newest events that match, oldest first. `next` leads to those that follow. */
export async function readNewestEvents(
  services: Pick<Core, 'db' | 'sleep'>,
  filter: EventsFilter,
  count: number,
): Promise<EventsPage> {
  const visible = await visibleSeq(services)
  if (visible === undefined) throw logIsBusy()
  const rows = await newestStatement(services.db, filter, visible, count)
  return { events: rows.toReversed(), next: visible }
}

export const logIsBusy = () =>
  new DomainError('unavailable', 'a transaction that writes events does not end; try again shortly', {
    retryAfterSeconds: 5,
  })

/** The statement of {@link readEvents}. @param visible the highest number below which no event can appear any more */
export const pageStatement = (db: Database, query: EventsQuery, visible: number) =>
  db
    .select()
    .from(events)
    .where(and(gt(events.seq, query.after), lte(events.seq, visible), ...conditions(query)))
    .orderBy(asc(events.seq))
    .limit(query.limit)

/** The statement of {@link readNewestEvents}. */
export const newestStatement = (db: Database, filter: EventsFilter, visible: number, count: number) =>
  db
    .select()
    .from(events)
    .where(and(lte(events.seq, visible), ...conditions(filter)))
    .orderBy(desc(events.seq))
    .limit(count)

const conditions = ({ among, since, types, until, workspaceId }: EventsFilter): (SQL | undefined)[] => [
  types === undefined ? notInArray(events.type, [...ADMINS_ONLY]) : inArray(events.type, [...types]),
  workspaceId === undefined ? undefined : eq(events.workspaceId, workspaceId),
  among === undefined ? undefined : sql`${events.workspaceId} = any(${`{${among.join(',')}}`}::uuid[])`,
  since === undefined ? undefined : gte(events.at, since),
  until === undefined ? undefined : lt(events.at, until),
]
