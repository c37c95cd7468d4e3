// One listener: what is in the log after a number and, from then on, what comes, in order, each once. On Node the end of the log
// is read for all listeners together; a Worker's requests share nothing, so each reads for itself, and only for as long as its
// platform lets a request ask.
import type { Core } from '../platform/context.ts'
import type { EventContext } from './context.ts'
import { createBudget, withBudget } from '../platform/subrequest-budget.ts'
import { PAGE } from './event-tail.ts'
import { ADMINS_ONLY } from './event-types.ts'
import { rejectExpiredCursor } from './retention.ts'
import { type EventsPage, type EventsQuery, readEvents, type StoredEvent } from './read-events.ts'

/** After how long without an event a listener is told where it is; ticks may make it five seconds more. */
const QUIET_MS = 10_000

/** How often a Worker's listener asks, and with how many statements in all: each is a subrequest, of 50 on the free plan. */
const ALONE_MS = 2_500
const MOST_STATEMENTS = 45

/** A page of the log, where a writer has to be waited for. */
const PAGE_STATEMENTS = 10

/**
 * Pages of what the listener asked for. One without events says how far the log was read meanwhile, and that we are still here.
 * Ends when the process is to end, and where a Worker must.
 * @throws DomainError `gone` when what comes next has been forgotten
 */
export async function* followEvents(
  services: EventContext,
  query: Omit<EventsQuery, 'limit'>,
  signal: AbortSignal,
): AsyncGenerator<EventsPage, undefined> {
  const { now, stopping, eventTail } = services
  const own = eventTail === undefined ? withBudget(services, createBudget(MOST_STATEMENTS, now)) : services
  let position = query.after
  let told = now().getTime()
  const only = query.among && new Set(query.among)
  const isOver = () => signal.aborted || stopping?.aborted === true
  const leave = eventTail?.join()
  try {
    while (!isOver() && own.budget.left() >= PAGE_STATEMENTS) {
      // Before looking: what comes in between is not slept through.
      const moved = eventTail?.moved()
      const fromTail = eventTail?.after(position)
      const page = fromTail ?? (await readKept(own, { ...query, after: position, limit: PAGE }))
      const events =
        fromTail === undefined ? page.events : page.events.filter((one) => matches(query, only, one))
      const isEnd = page.events.length < PAGE
      position = page.next
      if (events.length > 0 || now().getTime() - told >= QUIET_MS) {
        told = now().getTime()
        yield { events, next: position }
      }
      if (isEnd) await (moved ?? services.sleep(ALONE_MS, signal))
    }
  } finally {
    leave?.()
  }
}

/**
 * A page of the log, and never one with a hole before it.
 * @throws DomainError `gone` when what comes next has been forgotten
 */
export async function readKept(
  services: Pick<Core, 'db' | 'sleep'>,
  query: EventsQuery,
): Promise<EventsPage> {
  const page = await readEvents(services, query)
  // Whoever is at the end has missed nothing.
  if (page.events.length > 0 || page.next > query.after) {
    await rejectExpiredCursor(services, query.after, query.types)
  }
  return page
}

const adminsOnly: ReadonlySet<string> = new Set(ADMINS_ONLY)

/** Whether readEvents would have found it. */
function matches(
  { types, workspaceId }: Pick<EventsQuery, 'types' | 'workspaceId'>,
  only: ReadonlySet<string> | undefined,
  event: StoredEvent,
): boolean {
  if (types === undefined ? adminsOnly.has(event.type) : !types.some((type) => type === event.type))
    return false
  if (workspaceId !== undefined && event.workspaceId !== workspaceId) return false
  return only === undefined || only.has(event.workspaceId ?? '')
}
