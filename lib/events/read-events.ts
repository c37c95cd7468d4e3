// Reads the log: after a sequence number, in order, so that no event is skipped or returned twice; or its newest events.
import type { Core } from '../platform/context.ts'
import { and, asc, desc, eq, gt, gte, lt, lte, notInArray, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
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

type FilterValues = {
  /** Null: without those for administrators only. This and `among` are arrays as Postgres writes them. */
  types: string | null
  workspaceId: string | null
  among: string | null
  since: Date | null
  until: Date | null
}

export type PageValues = FilterValues & { after: number; visible: number; limit: number }
export type NewestValues = FilterValues & { visible: number; limit: number }

/** The values of a filter in the statements below. */
export const filterValues = ({ among, since, types, until, workspaceId }: EventsFilter): FilterValues => ({
  types: types === undefined ? null : `{${types.join(',')}}`,
  workspaceId: workspaceId ?? null,
  among: among === undefined ? null : `{${among.join(',')}}`,
  since: since ?? null,
  until: until ?? null,
})

/**
 * What a filter allows. Postgres plans the statement for its values, so it drops the parts whose values are null, and uses
 * indexes for the others.
 */
const matches = (valueOf: ValueOf<FilterValues>): SQL => {
  const types = sql`${valueOf('types')}::text[]`
  const onlyIf = (value: SQL, condition: SQL) => sql`(${value} is null or ${condition})`
  const workspaceId = sql`${valueOf('workspaceId')}::uuid`
  const among = sql`${valueOf('among')}::uuid[]`
  const since = sql`${valueOf('since')}::timestamptz`
  const until = sql`${valueOf('until')}::timestamptz`
  return sql`case when ${types} is null then ${notInArray(events.type, [...ADMINS_ONLY])} else ${events.type} = any(${types}) end
    and ${onlyIf(workspaceId, eq(events.workspaceId, workspaceId))}
    and ${onlyIf(among, sql`${events.workspaceId} = any(${among})`)}
    and ${onlyIf(since, gte(events.at, since))} and ${onlyIf(until, lt(events.at, until))}`
}

/** The statement of {@link readEvents}. `visible` is the highest number below which no event can appear any more. */
export const pageStatement = (db: Database, valueOf: ValueOf<PageValues>) =>
  db
    .select()
    .from(events)
    .where(and(gt(events.seq, valueOf('after')), lte(events.seq, valueOf('visible')), matches(valueOf)))
    .orderBy(asc(events.seq))
    .limit(valueOf('limit'))

/** The statement of {@link readNewestEvents}. */
export const newestStatement = (db: Database, valueOf: ValueOf<NewestValues>) =>
  db
    .select()
    .from(events)
    .where(and(lte(events.seq, valueOf('visible')), matches(valueOf)))
    .orderBy(desc(events.seq))
    .limit(valueOf('limit'))

const readPage = prepared(pageStatement, { planEachTime: true })
const readNewest = prepared(newestStatement, { planEachTime: true })

export async function readEvents(
  services: Pick<Core, 'db' | 'sleep'>,
  query: EventsQuery,
): Promise<EventsPage> {
  const { after, limit } = query
  const visible = await visibleSeq(services)
  if (visible === undefined || visible <= after) return { events: [], next: after }
  const rows = await readPage(services.db, { ...filterValues(query), after, visible, limit })
  return { events: rows, next: rows.length < limit ? visible : (rows.at(-1)?.seq ?? after) }
}

/** The newest events that match, oldest first. `next` leads to those that follow. */
export async function readNewestEvents(
  services: Pick<Core, 'db' | 'sleep'>,
  filter: EventsFilter,
  limit: number,
): Promise<EventsPage> {
  const visible = await visibleSeq(services)
  if (visible === undefined) throw logIsBusy()
  const rows = await readNewest(services.db, { ...filterValues(filter), visible, limit })
  return { events: rows.toReversed(), next: visible }
}

export const logIsBusy = () =>
  new DomainError('unavailable', 'a transaction that writes events does not end; try again shortly', {
    retryAfterSeconds: 5,
  })
