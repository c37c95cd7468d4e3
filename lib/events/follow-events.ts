// One listener: the events after a number and, from then on, new ones, in order, each once. On Node the end of the
// log is read for all listeners together. A Worker's requests share nothing, so each reads for itself, within the
// statements of its invocation.
import type { Database } from '../../drizzle/database.ts'
import type { Core } from '../platform/context.ts'
import type { EventContext } from './context.ts'
import { createBudget, withBudget } from '../platform/subrequest-budget.ts'
import { ADMINS_ONLY, type EventType } from './event-types.ts'
import { cursorOfAnotherLog, rejectExpiredCursor } from './retention.ts'
import { type EventsPage, type EventsQuery, PAGE, readEvents, type StoredEvent } from './read-events.ts'

/** After this time without an event a listener gets its position, in milliseconds; ticks may add five seconds. */
const QUIET_MS = 10_000

/**
 * How often a Worker's listener reads, and with how many statements in total: each is a subrequest, of 50 on the free
 * plan.
 */
const ALONE_MS = 2_500
const MOST_STATEMENTS = 45

/** Statements of a page of the log, while there are writers. */
const PAGE_STATEMENTS = 10

export type FollowQuery = Omit<EventsQuery, 'limit'> & {
  /** Reads which workspaces have its labels now, of those that it may see. */
  findLabelled?: (db: Database) => Promise<readonly string[]>
}

/** Events after which other workspaces may have a label. */
const LABELLING: ReadonlySet<string> = new Set([
  'workspace_created',
  'workspace_updated',
] satisfies EventType[])

/**
 * Pages of the requested events. A page without events reports the position. Ends when the process is shutting down,
 * and where a Worker must.
 * @param beside what a Worker's listener reads with each look at the log, with at most one statement of its share
 * @throws DomainError `gone` when the next events have expired
 */
export async function* followEvents(
  services: EventContext,
  query: FollowQuery,
  signal: AbortSignal,
  beside?: (counted: Pick<Core, 'db'>) => Promise<void>,
): AsyncGenerator<EventsPage, undefined> {
  const { now, steady, stopping, eventTail } = services
  const counted =
    eventTail === undefined ? withBudget(services, createBudget(MOST_STATEMENTS, now)) : services
  let position = query.after
  let reportedAt = steady()
  let labelled: ReadonlySet<string> | undefined
  const isOver = () => signal.aborted || stopping?.aborted === true
  const leave = eventTail?.join()
  try {
    while (!isOver() && counted.budget.left() >= PAGE_STATEMENTS) {
      // Taken before the read, so that an event in between is not missed.
      const moved = eventTail?.moved()
      const here = { ...query, after: position }
      const next = await nextPage(counted, here, eventTail?.after(position), labelled)
      const { events, isEnd } = next
      if (eventTail === undefined) await beside?.(counted)
      labelled = next.labelled
      position = next.position
      if (events.length > 0 || steady() - reportedAt >= QUIET_MS) {
        reportedAt = steady()
        yield { events, next: position }
      }
      if (isEnd) await (moved ?? services.sleep(ALONE_MS, signal))
    }
  } finally {
    leave?.()
  }
}

type NextPage = {
  events: StoredEvent[]
  position: number
  /** Whether there was nothing behind it. */
  isEnd: boolean
  /** The workspaces that have the labels, if they had to be known. */
  labelled: ReadonlySet<string> | undefined
}

/**
 * @param fromTail the events of all, where they are in memory
 * @param before the workspaces that had the labels
 */
async function nextPage(
  services: Pick<Core, 'db' | 'sleep'>,
  query: FollowQuery,
  fromTail: EventsPage | undefined,
  before: ReadonlySet<string> | undefined,
): Promise<NextPage> {
  if (fromTail === undefined) {
    const { events, next } = await readPage(services, { ...query, limit: PAGE })
    return { events, position: next, isEnd: events.length < PAGE, labelled: undefined }
  }
  const labelled =
    before === undefined || fromTail.events.some(({ type }) => LABELLING.has(type))
      ? await findLabelled(services, query)
      : before
  const only = labelled ?? (query.among && new Set(query.among))
  return {
    events: fromTail.events.filter((one) => matches(query, only, one)),
    position: fromTail.next,
    isEnd: fromTail.events.length < PAGE,
    labelled,
  }
}

async function findLabelled({ db }: Pick<Core, 'db'>, query: FollowQuery): Promise<Set<string> | undefined> {
  return query.findLabelled === undefined ? undefined : new Set(await query.findLabelled(db))
}

/**
 * A page of the log without a gap before it.
 * @throws DomainError `gone` when the next events have expired, or the cursor is beyond the newest event
 */
export async function readPage(
  services: Pick<Core, 'db' | 'sleep'>,
  query: EventsQuery,
): Promise<EventsPage> {
  const page = await readEvents(services, query)
  if (page.next < query.after) throw cursorOfAnotherLog(page.next)
  // A reader at the end has missed nothing.
  if (page.events.length > 0 || page.next > query.after) {
    await rejectExpiredCursor(services, query.after, query.types)
  }
  return page
}

const adminsOnly: ReadonlySet<string> = new Set(ADMINS_ONLY)

/** Whether readEvents would have returned it. */
function matches(
  { since, types, workspaceId }: Pick<EventsQuery, 'since' | 'types' | 'workspaceId'>,
  only: ReadonlySet<string> | undefined,
  event: StoredEvent,
): boolean {
  if (types === undefined ? adminsOnly.has(event.type) : !types.some((type) => type === event.type))
    return false
  if (workspaceId !== undefined && event.workspaceId !== workspaceId) return false
  if (since !== undefined && event.at < since) return false
  return only === undefined || only.has(event.workspaceId ?? '')
}
