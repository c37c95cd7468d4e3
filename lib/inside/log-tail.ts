// The end of a workspace's log, read once for all who follow it: one poller per machine, and none when nobody follows.
// The newest lines are kept in memory. A follower is only a position, so a slow one costs no memory.
import type { ProvisionProblem } from '../provisioner/provisioner.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import type { LogCursor } from './log-cursor.ts'
import { isLasting } from '../provisioner/request-error.ts'
import { type LogEntry, openLog, readPage, relabel, type WorkspaceLog } from './workspace-log.ts'

/** The pauses between polls, in milliseconds: doubled while nothing is new, as flyctl does (docs/facts/fly.md §12.2). */
const SHORTEST_MS = 64
const LONGEST_MS = 4_096

/** Where each poll is one of few requests. */
const FEW_MS = 2_500

/** Pauses after failures, in milliseconds. */
const FAILED_MS = 1_000
const LONGEST_FAILED_MS = 30_000

/** How often the workspace is read again, to notice another machine. Milliseconds. */
const ROW_MS = 5_000

/** How long ago it may have been read where lines are new: they may be of another generation, or have a new secret. */
const FRESH_MS = 500

/** A provider that does not answer is reported after this time. Milliseconds. */
const ANSWER_MS = 10_000

/** Lines in memory, and lines that a follower gets at once. */
const KEPT = 2_000
const BATCH = 200

/** Requests that are kept for the end of a stream. */
const RESERVED = 3

export type LogTail = {
  /** The workspace as it was last read; undefined before the first page. */
  log(): WorkspaceLog | undefined
  /** Why the provider gives no lines now. */
  problem(): ProvisionProblem | undefined
  /** Why this process gives no more lines: the workspace is gone, or its secrets cannot be read. */
  failure(): unknown
  isOver(): boolean
  /** Whether a first page was read, or could not be. */
  hasPolled(): boolean
  /** Entries are numbered in the order of their arrival. */
  start(): number
  end(): number
  /** At most a batch of the entries from a number on; undefined where memory does not reach back so far. */
  from(index: number): LogEntry[] | undefined
  /** The number after the entry with this position; undefined where it is not in memory. */
  behind(cursor: LogCursor): number | undefined
  /** Resolves after the next poll. */
  moved(): Promise<void>
  /** Ends the poller. */
  stop(): void
}

export function startLogTail(services: ReconcileContext, workspaceId: string, isShared: boolean): LogTail {
  const { budget, log: report, now, sleep, stopping } = services
  const stopped = new AbortController()
  let log: WorkspaceLog | undefined
  let readAt = 0
  let entries: LogEntry[] = []
  let first = 0
  let cursor: LogCursor | undefined
  let problem: ProvisionProblem | undefined
  let failure: unknown
  let ended = false
  let polled = false
  let waiting = Promise.withResolvers<void>()

  const notify = () => {
    waiting.resolve()
    waiting = Promise.withResolvers()
  }
  const isOver = () => ended || stopped.signal.aborted || stopping?.aborted === true

  async function open(maxAge: number): Promise<WorkspaceLog> {
    if (log !== undefined && now().getTime() - readAt < maxAge) return log
    log = await openLog(services, workspaceId)
    readAt = now().getTime()
    return log
  }

  /** @returns whether something was new */
  async function poll(): Promise<boolean> {
    const query = { onceWithinMs: ANSWER_MS, signal: stopped.signal }
    const page = await readPage(services, await open(ROW_MS), cursor, query)
    problem = undefined
    if (page.entries.length > 0) {
      const fresh = await open(FRESH_MS)
      entries.push(...page.entries.map((entry) => relabel(fresh, entry)))
    }
    cursor = page.entries.at(-1)?.cursor ?? cursor
    const surplus = Math.max(0, entries.length - KEPT)
    entries = entries.slice(surplus)
    first += surplus
    return page.entries.length > 0
  }

  async function run(): Promise<void> {
    const shortest = isShared ? SHORTEST_MS : FEW_MS
    let pause = shortest
    let failures = 0
    while (!isOver() && budget.left() > RESERVED) {
      try {
        const isNew = await poll()
        failures = 0
        polled = true
        pause = isNew ? shortest : Math.min(pause * 2, Math.max(LONGEST_MS, shortest))
      } catch (error) {
        if (isOver()) break
        failures++
        pause = Math.min(FAILED_MS * 2 ** (failures - 1), LONGEST_FAILED_MS)
        if (!(error instanceof ProvisionError)) {
          failure = error
          break
        }
        problem = error.problem
        pause = Math.max(pause, problem.retryAfterMs ?? 0)
        // A machine that is being replaced is gone for a moment, and then the workspace names another one.
        if (problem.code === 'machine_not_found') readAt = 0
        else if (isLasting(problem)) break
      }
      notify()
      await sleep(pause, stopped.signal)
    }
    ended = true
    notify()
  }
  void run().catch((error: unknown) => report('error', 'a log could not be followed', { error }))
  stopping?.addEventListener('abort', notify, { once: true, signal: stopped.signal })

  return {
    log: () => log,
    problem: () => problem,
    failure: () => failure,
    isOver,
    hasPolled: () => polled || problem !== undefined || ended,
    start: () => first,
    end: () => first + entries.length,
    from: (index) => (index < first ? undefined : entries.slice(index - first, index - first + BATCH)),
    behind({ line, machine }) {
      const at = entries.findLastIndex(
        ({ cursor: { line: id, machine: of } }) => id === line && of === machine,
      )
      return at === -1 ? undefined : first + at + 1
    },
    moved: () => waiting.promise,
    stop() {
      stopped.abort()
      notify()
    },
  }
}

export type LogTails = {
  /** The tail of a workspace, which all followers share, and a function that leaves it. */
  join(services: ReconcileContext, workspaceId: string): { tail: LogTail; leave: () => void }
}

export function createLogTails(): LogTails {
  const tails = new Map<string, { tail: LogTail; followers: number }>()
  return {
    join(services, workspaceId) {
      const known = tails.get(workspaceId)
      // One that has ended is left to its followers.
      const shared =
        known === undefined || known.tail.isOver()
          ? { tail: startLogTail(services, workspaceId, true), followers: 0 }
          : known
      tails.set(workspaceId, shared)
      shared.followers++
      services.metrics.set('molecule_log_tails', tails.size)
      return {
        tail: shared.tail,
        leave() {
          shared.followers--
          if (shared.followers > 0) return
          shared.tail.stop()
          if (tails.get(workspaceId) === shared) tails.delete(workspaceId)
          services.metrics.set('molecule_log_tails', tails.size)
        },
      }
    },
  }
}
