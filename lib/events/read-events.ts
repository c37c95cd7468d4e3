// Reads the log onwards from a sequence number, in order: nothing is passed and nothing comes twice, whoever reads and
// wherever they left off.
import type { Core } from '../platform/context.ts'
import { and, asc, eq, gt, inArray, lte, notInArray, sql } from 'drizzle-orm'
import { events } from '../../drizzle/schema/index.ts'
import { ADMINS_ONLY, type EventType } from './event-types.ts'
import { settledSeq } from './settled-seq.ts'

export type StoredEvent = typeof events.$inferSelect

export type EventsQuery = {
  /** The last sequence number that the reader has dealt with; 0 for the beginning. */
  after: number
  limit: number
  /** Without it: all but those that are for admins only, which have to be asked for. */
  types?: readonly EventType[] | undefined
  workspaceId?: string | undefined
  /** Those of these workspaces alone; undefined: of all, and those that are about none. */
  among?: readonly string[] | undefined
}

export type EventsPage = {
  events: StoredEvent[]
  /** What to ask for next: the last event's number, or further where nothing else matched. Never less than `after`. */
  next: number
}

export async function readEvents(
  services: Pick<Core, 'db' | 'sleep'>,
  query: EventsQuery,
): Promise<EventsPage> {
  const { after, limit } = query
  const settled = await settledSeq(services)
  if (settled === undefined || settled <= after) return { events: [], next: after }
  const rows = await services.db
    .select()
    .from(events)
    .where(
      and(
        gt(events.seq, after),
        lte(events.seq, settled),
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
  return { events: rows, next: rows.length < limit ? settled : (rows.at(-1)?.seq ?? after) }
}
