// Reads the log: after a sequence number, in order, so that no event is skipped or returned twice; or its newest events.
import type { Core } from '../platform/context.ts'
import { and, asc, desc, gt, lte } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { events } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { type EventsFilter, type FilterValues, filterValues, matches } from './events-filter.ts'
import { readLabelled } from './labelled-events.ts'
import { narrowRange } from './range-of-times.ts'
import { visibleSeq } from './visible-seq.ts'

/** Events that a listener reads at a time. */
export const PAGE = 200

export type StoredEvent = typeof events.$inferSelect

export type EventsQuery = EventsFilter & {
  /** The last sequence number that the reader has handled; 0 for the beginning. */
  after: number
  limit: number
}

export type EventsPage = {
  events: StoredEvent[]
  /**
   * The next `after`: the last event's number, or a later one where nothing else matched. Less than `after` if that is of another log:
   * the database was restored.
   */
  next: number
}

export type PageValues = FilterValues & { after: number; visible: number; limit: number }

/** The statement of {@link readEvents}. `visible` is the highest number below which no event can appear any more. */
export const pageStatement = (db: Database, valueOf: ValueOf<PageValues>) =>
  db
    .select()
    .from(events)
    .where(and(gt(events.seq, valueOf('after')), lte(events.seq, valueOf('visible')), matches(valueOf)))
    .orderBy(asc(events.seq))
    .limit(valueOf('limit'))

/** The statement of {@link readNewestEvents}. */
export const newestStatement = (db: Database, valueOf: ValueOf<PageValues>) =>
  db
    .select()
    .from(events)
    .where(and(gt(events.seq, valueOf('after')), lte(events.seq, valueOf('visible')), matches(valueOf)))
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
  if (visible === undefined) return { events: [], next: after }
  if (visible <= after) return { events: [], next: visible }
  const range = await narrowRange(services.db, { after, upTo: visible }, query)
  const values = { ...filterValues(query), after: range.after, visible: range.upTo, limit }
  const { labels } = query
  const rows =
    labels === undefined
      ? await readPage(services.db, values)
      : await readLabelled(services.db, labels, values, 'oldest')
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
  const { after, upTo } = await narrowRange(services.db, { after: 0, upTo: visible }, filter)
  const values = { ...filterValues(filter), after, visible: upTo, limit }
  const { labels } = filter
  const rows =
    labels === undefined
      ? await readNewest(services.db, values)
      : await readLabelled(services.db, labels, values, 'newest')
  return { events: rows.toReversed(), next: visible }
}

export const logIsBusy = () =>
  new DomainError('unavailable', 'a transaction that writes events does not end; try again shortly', {
    retryAfterSeconds: 5,
  })
