// The context of nearly every function of lib, in two sizes. A signature names the smallest one that it can work
// with; the entries compose the whole (lib/control-plane/services.ts).
import type { Database } from '../../drizzle/database.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { After, Sleep } from './sleep.ts'
import type { SubrequestBudget, SubrequestMeter } from './subrequest-budget.ts'
import type { Tracer } from './trace.ts'

/** For reading and changing stored state. */
export type Store = {
  db: Database
  now: () => Date
  /**
   * The caller that requested a change, as a key (lib/auth/caller.ts), for its event. Absent: the control plane
   * itself.
   */
  by?: string
}

/** For work that also waits, reports, or calls other services. */
export type Core = Store & {
  log: Log
  metrics: Metrics
  tracer: Tracer
  /** Requests that this work may still send. */
  budget: SubrequestBudget
  /** Counts requests against a budget, on Workers; undefined where requests are not limited. */
  meter: SubrequestMeter | undefined
  /** Drops what this process has cached about a workspace. Every change of a workspace calls it. */
  invalidate: (workspaceId: string) => void
  /** Whether work may continue for minutes after an answer: true on Node; on Workers it ends after 30 s. */
  canRunInBackground: boolean
  /** Aborted when this process is shutting down: no new work begins then. Workers are not notified. */
  stopping: AbortSignal | undefined
  /** Milliseconds for durations within this process. They never go back, while `now` may be corrected. */
  steady: () => number
  /** Runs work once, after `ms` milliseconds, unless it is cancelled. Tests shorten the time. */
  after: After
  /** Resolves after `ms` milliseconds of `after`, or as soon as the signal aborts. */
  sleep: Sleep
}

/** Whether the process is shutting down. What is due stays due, for the next process or another replica. */
export const isStopping = ({ stopping }: Pick<Core, 'stopping'>): boolean => stopping?.aborted === true
