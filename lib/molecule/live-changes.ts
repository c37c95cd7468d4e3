// What Molecule's canvas shows live and the log of events does not have: activities, and the tasks of heartbeats
// (docs/facts/molecule.md §2.8). One reader of a process serves all its listeners. It remembers nothing: a client that connects
// again reads the activities and workspaces themselves.
import { asc, desc, eq, gt, gte } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { activities, workspaces } from '../../drizzle/schema/index.ts'
import { type Core, isStopping } from '../platform/context.ts'

export type LiveChange =
  | { kind: 'activity'; name: string; row: typeof activities.$inferSelect }
  | { kind: 'tasks'; workspaceId: string; at: Date; activeTasks: number; currentTask: string }

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

export function createLiveChanges(services: Core): LiveChanges {
  const listeners = new Set<(change: LiveChange) => void>()
  let ended: AbortController | undefined

  async function run(over: AbortSignal): Promise<void> {
    const { db, log, now, sleep } = services
    const seen = new Map<string, string>()
    let from: { seq: number; since: Date } | undefined
    while (!over.aborted && !isStopping(services)) {
      try {
        from ??= { seq: await newestSeq(db), since: now() }
        const since = now()
        const logged = await readActivities(db, from.seq)
        const tasks = changedTasks(await readTasks(db, new Date(from.since.getTime() - OVERLAP_MS)), seen)
        from = { seq: logged.at(-1)?.row.seq ?? from.seq, since }
        for (const change of [...logged, ...tasks]) for (const listener of listeners) listener(change)
        await sleep(logged.length === PAGE ? 0 : POLL_MS, over)
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

async function newestSeq(db: Database): Promise<number> {
  const [row] = await db
    .select({ seq: activities.seq })
    .from(activities)
    .orderBy(desc(activities.seq))
    .limit(1)
  return row?.seq ?? 0
}

async function readActivities(db: Database, after: number) {
  const rows = await db
    .select({ row: activities, name: workspaces.name })
    .from(activities)
    .innerJoin(workspaces, eq(workspaces.id, activities.workspaceId))
    .where(gt(activities.seq, after))
    .orderBy(asc(activities.seq))
    .limit(PAGE)
  return rows.map((one) => ({ kind: 'activity' as const, ...one }))
}

const readTasks = (db: Database, since: Date) =>
  db
    .select({
      workspaceId: workspaces.id,
      at: workspaces.lastHeartbeatAt,
      activeTasks: workspaces.activeTasks,
      currentTask: workspaces.currentTask,
    })
    .from(workspaces)
    .where(gte(workspaces.lastHeartbeatAt, since))

/** The rows whose tasks differ from those that were seen last; a first look at an idle agent is no change. */
function changedTasks(rows: Awaited<ReturnType<typeof readTasks>>, seen: Map<string, string>): LiveChange[] {
  return rows.flatMap(({ at, ...tasks }) => {
    const key = `${tasks.activeTasks} ${tasks.currentTask}`
    const before = seen.get(tasks.workspaceId) ?? '0 '
    seen.set(tasks.workspaceId, key)
    return key === before || at === null ? [] : [{ kind: 'tasks' as const, at, ...tasks }]
  })
}
