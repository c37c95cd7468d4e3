// What Molecule's canvas shows live and the log of events does not have: activities, and the tasks of heartbeats
// (docs/facts/molecule.md §2.8). One reader of a Node process serves all its listeners; on Workers, whose requests share nothing, each
// listener has its own. It remembers nothing: a client that connects again reads the activities and workspaces themselves.
import { and, asc, eq, gt, gte, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { activities, workspaces } from '../../drizzle/schema/index.ts'
import { type Core, isStopping } from '../platform/context.ts'

export type LiveChange = { workspaceId: string; at: Date } & (
  | { kind: 'told'; name: string; body: unknown }
  | { kind: 'activity'; activity: Record<string, unknown> }
  | { kind: 'tasks'; activeTasks: number; currentTask: string }
)

export type LiveChanges = {
  /** Calls the listener with every change until the returned function is called. It must not wait. */
  join(listener: (change: LiveChange) => void): () => void
}

/** Pauses between two reads, in milliseconds, and rows of one. */
const POLL_MS = 500
const AFTER_FAILURE_MS = 5_000
const PAGE = 200

/** Heartbeats are committed in another order than they came in; milliseconds that are read again. */
const OVERLAP_MS = 5_000

/** How much later than it happened an activity may be stored and still be seen, in milliseconds. */
const LATE_MS = 60_000

export function createLiveChanges(services: Core): LiveChanges {
  const listeners = new Set<(change: LiveChange) => void>()
  let ended: AbortController | undefined

  async function run(over: AbortSignal): Promise<void> {
    const { log, now, sleep } = services
    const read = createChangesReader(now)
    while (!over.aborted && !isStopping(services)) {
      try {
        const { changes, isPageFull } = await read(services)
        for (const change of changes) for (const listener of listeners) listener(change)
        await sleep(isPageFull ? 0 : POLL_MS, over)
      } catch (error) {
        log('warn', 'changes for live channels could not be read', { error })
        await sleep(AFTER_FAILURE_MS, over)
      }
    }
  }

  return {
    join(listener) {
      listeners.add(listener)
      if (ended === undefined) {
        ended = new AbortController()
        void run(ended.signal)
      }
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0) return
        ended?.abort()
        ended = undefined
      }
    },
  }
}

export type ReadChanges = (
  services: Pick<Core, 'db'>,
) => Promise<{ changes: LiveChange[]; isPageFull: boolean }>

/** @returns reads, at each call, what has changed since the call before; at the first one, since now */
export function createChangesReader(now: () => Date): ReadChanges {
  const tasksOf = new Map<string, string>()
  const began = now()
  let last = began
  let after = 0
  return async ({ db }) => {
    const at = now()
    const rows = await readRows(db, {
      after,
      since: new Date(Math.max(began.getTime(), last.getTime() - LATE_MS)),
      beatSince: new Date(last.getTime() - OVERLAP_MS),
    })
    const logged = rows.filter(({ seq }) => seq > 0).toSorted((one, other) => one.seq - other.seq)
    after = logged.at(-1)?.seq ?? after
    last = at
    const changes = [...logged.map(toActivity), ...changedTasks(rows, tasksOf)]
    return { changes, isPageFull: logged.length === PAGE }
  }
}

/** The newest activities and heartbeats in one statement: on Workers each statement is a request. */
const changesStatement = (
  db: Database,
  valueOf: ValueOf<{ after: number; since: Date; beatSince: Date }>,
) => {
  const { createdAt, method, responseBody, seq, workspaceId } = activities
  const logged = db
    .select({
      seq: sql<number>`${seq}`.mapWith(Number).as('seq'),
      workspaceId: sql<string>`${workspaceId}`.as('id'),
      name: workspaces.name,
      at: createdAt,
      tasks: sql<number>`0`.mapWith(Number).as('tasks'),
      // The text of JSON, which drivers leave as it is.
      text: sql<string>`case when ${method} = 'notify' then jsonb_build_object('told', ${responseBody})
        else to_jsonb(${activities}) - '{request_body,response_body}'::text[] end::text`.as('text'),
    })
    .from(activities)
    .innerJoin(workspaces, eq(workspaces.id, workspaceId))
    // By the time, because its index is the one of all workspaces.
    .where(and(gte(createdAt, valueOf('since')), gt(seq, valueOf('after'))))
    .orderBy(asc(seq))
    .limit(PAGE)
    .as('logged')
  return db
    .select()
    .from(logged)
    .unionAll(
      db
        .select({
          // No activity has this number.
          seq: sql<number>`0`.mapWith(Number),
          workspaceId: sql<string>`${workspaces.id}`,
          name: workspaces.name,
          at: sql<Date>`${workspaces.lastHeartbeatAt}`.mapWith(workspaces.lastHeartbeatAt),
          tasks: workspaces.activeTasks,
          text: workspaces.currentTask,
        })
        .from(workspaces)
        .where(gte(workspaces.lastHeartbeatAt, valueOf('beatSince'))),
    )
}

const readRows = prepared(changesStatement)

type Row = Awaited<ReturnType<typeof readRows>>[number]

function toActivity({ at, name, text, workspaceId }: Row): LiveChange {
  const activity = JSON.parse(text) as Record<string, unknown>
  return 'told' in activity
    ? { kind: 'told', workspaceId, at, name, body: activity['told'] }
    : { kind: 'activity', workspaceId, at, activity }
}

/** The tasks that differ from those that were seen last; a first look at an idle agent is no change. */
function changedTasks(rows: readonly Row[], seen: Map<string, string>): LiveChange[] {
  return rows.flatMap(({ at, seq, tasks, text, workspaceId }) => {
    if (seq > 0) return []
    const key = `${tasks} ${text}`
    const before = seen.get(workspaceId) ?? '0 '
    seen.set(workspaceId, key)
    return key === before ? [] : [{ kind: 'tasks', workspaceId, at, activeTasks: tasks, currentTask: text }]
  })
}
