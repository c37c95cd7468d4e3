// Everything a verb may touch outside itself, as one value that the entries compose and every verb receives.
import type { Database } from '../drizzle/database.ts'
import type { Limits } from './a2a/limits.ts'
import type { Route } from './a2a/route.ts'
import type { Transport } from './a2a/transport.ts'
import type { EventTail } from './events/event-tail.ts'
import type { ActivityLog } from './activity/activity-log.ts'
import type { Budget, Meter } from './budget.ts'
import type { Caller } from './caller.ts'
import type { Config } from './config.ts'
import type { Log } from './log.ts'
import type { RateCounter } from './rate-counter.ts'
import type { Metrics } from './metrics.ts'
import type { Provisioner } from './provisioner/provisioner.ts'
import type { FailedAttempts } from './tokens/failed-attempts.ts'
import type { ShortCache } from './short-cache.ts'
import type { Tracer } from './trace.ts'

export type Services = {
  config: Config
  /** What may still be asked for outside. */
  budget: Budget
  /** How that is counted, on Workers; undefined where nobody counts. */
  meter: Meter | undefined
  db: Database
  /** The database driver's name, for `/healthz`. */
  driver: string
  provisioner: Provisioner
  /** Where what agents did is noted after the answer. */
  activity: ActivityLog
  /** The end of the log, for everybody in this process who listens; a Worker's requests share nothing, and have none. */
  tail: EventTail | undefined
  fetch: typeof fetch
  /** Calls what administrators asked for, and refuses what leads into a private network (lib/outgoing.ts). */
  fetchTarget: typeof fetch
  /** How A2A requests reach agents. */
  transport: Transport
  limits: Limits
  /** Ways to workspaces that are awake, by id. */
  routes: ShortCache<Route>
  /** Who may talk to whom, by `<caller> <target>`. */
  talks: ShortCache<boolean>
  /** Who has proven to be whom, by the header that proved it. */
  callers: ShortCache<Caller>
  /** Who tried tokens that are none. */
  failedAttempts: FailedAttempts
  /** Counts what a caller asks of the doors that are not A2A's. */
  countRequest: RateCounter
  /** Counts the deliveries of a hook. */
  countDelivery: RateCounter
  /** Workspaces that were looked after because a message failed. */
  looks: ShortCache<true>
  /** Whom what is done now is done for, as a caller's key; undefined: ourselves. Events say it. */
  by?: string
  /** Says that a workspace was changed by this process, so that nothing older is remembered of it. */
  changed: (workspaceId: string) => void
  /** Whether work may go on for minutes after an answer: on Node it may, on Workers it ends after 30 s. */
  longBackground: boolean
  /** Aborted when this process is to end: nothing new is begun then. Workers are not told. */
  stopping: AbortSignal | undefined
  now: () => Date
  metrics: Metrics
  tracer: Tracer
  log: Log
  /** Milliseconds; interruptible. Tests make it short. */
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>
}

/** Whether nothing new is to be begun: what is due stays due, for the next process or another one. */
export const isStopping = ({ stopping }: Services): boolean => stopping?.aborted === true
