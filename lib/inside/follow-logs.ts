// One follower of a workspace's log: the newest lines or those after a position, and from then on new ones, in order,
// each once. On Node all followers of a workspace share one poller; a Worker's requests share nothing, so each polls
// for itself within the requests of its invocation.
import { type ProvisionProblem, ProvisionError } from '../provisioner/provisioner.ts'
import { createBudget, withBudget } from '../platform/subrequest-budget.ts'
import type { InsideContext } from './context.ts'
import type { LogCursor } from './log-cursor.ts'
import { type LogFilter, matches, newestOf } from './log-query.ts'
import { type LogTail, startLogTail } from './log-tail.ts'
import { toRequestError } from '../provisioner/request-error.ts'
import { type EntryPage, type LogEntry, readPage } from './workspace-log.ts'

export type FollowQuery = LogFilter & {
  /** Undefined: begin with the newest lines. */
  after?: LogCursor | undefined
  /** How many of the newest lines. */
  tail: number
}

export type Followed =
  | { kind: 'entries'; entries: LogEntry[]; position: LogCursor | undefined }
  /** Lines may be lost before the next ones. */
  | { kind: 'gap' }
  /** The provider gives no lines now. Where it passes, lines follow. */
  | { kind: 'problem'; problem: ProvisionProblem }

/** After this time without a line a follower gets its position, in milliseconds. */
const QUIET_MS = 10_000

/** Requests of a Worker's stream, of 50 on the free plan. */
const MOST_REQUESTS = 45

/**
 * Resolves when the first page was read.
 * @throws DomainError when it cannot be read: a status tells more than the end of a stream
 */
export async function followLogs(
  services: InsideContext,
  workspaceId: string,
  query: FollowQuery,
  signal: AbortSignal,
): Promise<AsyncGenerator<Followed, undefined>> {
  const { tail, leave } = join(services, workspaceId)
  while (!tail.hasPolled()) await tail.moved()
  const problem = tail.problem()
  const failure: unknown = tail.failure()
  if (failure === undefined && problem === undefined)
    return new Follower(services, tail, query, signal).run(leave)
  leave()
  throw problem === undefined ? failure : toRequestError(problem)
}

function join(services: InsideContext, workspaceId: string): { tail: LogTail; leave: () => void } {
  if (services.logTails !== undefined) return services.logTails.join(services, workspaceId)
  const counted = withBudget(services, createBudget(MOST_REQUESTS, services.now))
  const tail = startLogTail(counted, workspaceId, false)
  return { tail, leave: () => tail.stop() }
}

const NOTHING: EntryPage = { entries: [], missed: false }

class Follower {
  readonly #services: InsideContext
  readonly #tail: LogTail
  readonly #query: FollowQuery
  readonly #signal: AbortSignal
  /** The number of the next entry of the tail; undefined while the follower is behind what the tail has. */
  #next: number | undefined
  #position: LogCursor | undefined

  constructor(services: InsideContext, tail: LogTail, query: FollowQuery, signal: AbortSignal) {
    this.#services = services
    this.#tail = tail
    this.#query = query
    this.#signal = signal
    this.#position = query.after
  }

  async *run(leave: () => void): AsyncGenerator<Followed, undefined> {
    const { now } = this.#services
    let reportedAt = now().getTime()
    let reported: ProvisionProblem | undefined
    try {
      if (this.#position === undefined) yield this.#begin()
      while (!this.#signal.aborted) {
        // Taken before the read, so that a line in between is not missed.
        const moved = this.#tail.moved()
        const problem = this.#tail.problem()
        if (problem !== undefined && problem !== reported) yield { kind: 'problem', problem }
        reported = problem
        const { entries: read, missed } = this.#next === undefined ? await this.#catchUp() : this.#read()
        if (missed) yield { kind: 'gap' }
        const entries = read.filter((entry) => matches(this.#query, entry))
        if (entries.length > 0 || now().getTime() - reportedAt >= QUIET_MS) {
          reportedAt = now().getTime()
          yield { kind: 'entries', entries, position: this.#position }
        }
        if (read.length > 0) continue
        if (this.#tail.isOver()) return
        await moved
      }
    } finally {
      leave()
    }
  }

  #begin(): Followed {
    const { tail: count, ...filter } = this.#query
    const all: LogEntry[] = []
    this.#next = this.#tail.end()
    for (let index = this.#tail.start(); index < this.#next;) {
      const batch = this.#tail.from(index) ?? []
      all.push(...batch)
      index += batch.length
    }
    this.#position = all.at(-1)?.cursor
    return { kind: 'entries', entries: newestOf(all, filter, count), position: this.#position }
  }

  #read(): EntryPage {
    const entries = this.#tail.from(this.#next ?? 0)
    if (entries === undefined) {
      // Slower than the memory of the tail.
      this.#next = undefined
      return NOTHING
    }
    this.#next = (this.#next ?? 0) + entries.length
    this.#position = entries.at(-1)?.cursor ?? this.#position
    return { entries, missed: false }
  }

  /** Reads the pages that the tail no longer has, until its memory and the follower meet. */
  async #catchUp(): Promise<EntryPage> {
    const position = this.#position
    const log = this.#tail.log()
    if (position === undefined || log === undefined) {
      this.#next = this.#tail.start()
      return NOTHING
    }
    this.#next = this.#tail.behind(position)
    if (this.#next !== undefined) return this.#read()
    try {
      const page = await readPage(this.#services, log, position)
      this.#position = page.entries.at(-1)?.cursor ?? position
      return page
    } catch (error) {
      if (!(error instanceof ProvisionError)) throw error
      // The poller of the tail meets the same failure, and reports it.
      return NOTHING
    }
  }
}
