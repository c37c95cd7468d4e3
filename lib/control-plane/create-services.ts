// Composes the services from a configuration and an open database, in the same way on every runtime: entries differ
// only in what they open and where they listen.
import type { Database, OpenDatabase } from '../../drizzle/database.ts'
import { createAnswersInFlight } from '../a2a/answers-in-flight.ts'
import { createFetchTransport } from '../a2a/transport/fetch-transport.ts'
import { createLimits } from '../a2a/limits.ts'
import type { MachineRest } from '../a2a/context.ts'
import { type Route, ROUTE_TTL_MS } from '../a2a/route.ts'
import type { Transport } from '../a2a/transport/transport.ts'
import { createAuditLog } from '../audit/audit-log.ts'
import { createActivityLog } from '../activity/activity-log.ts'
import { type SubrequestBudget, UNLIMITED } from '../platform/subrequest-budget.ts'
import type { Config } from '../config/config.ts'
import { createFlyClient } from '../fly/client.ts'
import { createFlyProvisioner } from '../provisioner/fly/fly-provisioner.ts'
import type { Log } from '../platform/log.ts'
import type { Caller } from '../auth/caller.ts'
import { createMetrics } from '../platform/metrics.ts'
import {
  createAllowedOrigins,
  restrictFetch,
  restrictFetchToTargets,
  targetPolicy,
} from '../egress/egress-policy.ts'
import { restrictTransport } from '../a2a/transport/restrict-transport.ts'
import type { Provisioner } from '../provisioner/provisioner.ts'
import type { LONG_LIVED } from './long-lived.ts'
import { observeCalls, type OnCall } from './observe-calls.ts'
import type { Services } from './services.ts'
import { createForgers } from '../hooks/forgers.ts'
import { createByteBudget } from '../platform/byte-budget.ts'
import { createRateCounter } from '../platform/rate-limit.ts'
import { TtlCache } from '../platform/ttl-cache.ts'
import { createFailedAttempts } from '../auth/failed-attempts.ts'
import { createStoreBeat } from '../registry/store-beat.ts'
import { createTokenLookup } from '../auth/token-lookup.ts'
import { createInsertWorkspace } from '../workspaces/insert-workspace.ts'
import { type After, after as timeout, createSleep } from '../platform/sleep.ts'
import { createSteadyClock } from '../platform/steady-clock.ts'
import { NO_TRACER, type Tracer } from '../platform/trace.ts'
import { AT_ONCE } from '../platform/turns.ts'

export type RuntimeServices = {
  fetch: typeof fetch
  /** For webhooks; `fetch` where the platform itself reaches no private network. */
  fetchTarget?: typeof fetch
  log: Log
  /** Given where requests may wait for each other, and work goes on without one. */
  longLived?: typeof LONG_LIVED
  /** Aborted when the process is shutting down. */
  stopping?: AbortSignal
  /** Opens another backend than Fly. */
  openProvisioner?: ((onCall: OnCall) => Provisioner) | undefined
  /** For A2A requests; over `fetch` unless the runtime has something better. */
  transport?: Transport
  /** Receives spans; none by default. */
  tracer?: Tracer
  now?: () => Date
  after?: After
}

/** How long a value stays cached although another process may have changed it, in milliseconds. */
const CACHE_MS = 5_000

/** Deliveries of the largest size whose signatures are verified at the same time. */
const UNVERIFIED_BODIES = 4

/** Entries of each cache: more than the workspaces of a large fleet. */
const CACHE_ENTRIES = 20_000

export function createServices(config: Config, database: OpenDatabase, outside: RuntimeServices): Services {
  const { after = timeout, log, longLived, now = () => new Date(), tracer = NO_TRACER } = outside
  const canRunInBackground = longLived !== undefined
  const sleep = createSleep(after)
  const isAllowed = createAllowedOrigins(config)
  const metrics = createMetrics()
  const steady = createSteadyClock(outside.now === undefined ? Date.now : () => now().getTime())
  const cache = <Value>(ttlMs: number) =>
    new TtlCache<Value>({
      ttlMs,
      limit: CACHE_ENTRIES,
      now: steady,
      sharesReads: canRunInBackground,
    })
  const routes = cache<Route>(ROUTE_TTL_MS)
  const peerAccess = cache<boolean>(CACHE_MS)
  const callers = cache<Caller>(CACHE_MS)
  const targets = targetPolicy(config)
  const otherBackend = outside.openProvisioner?.(observeCalls(config.backend, { log, metrics, tracer }))
  /** Everything that sends requests, counted against a budget. */
  function bind(budget: SubrequestBudget, db: Database) {
    const fetch = restrictFetch(isAllowed, counting(outside.fetch, budget))
    return {
      budget,
      db,
      fetch,
      fetchTarget: restrictFetchToTargets(targets, counting(outside.fetchTarget ?? outside.fetch, budget)),
      provisioner: otherBackend ?? flyOver(fetch),
      transport: restrictTransport(isAllowed, outside.transport ?? createFetchTransport(fetch)),
    }
  }

  function flyOver(fetch: typeof globalThis.fetch): Provisioner {
    const fly = createFlyClient({
      token: config.fly.token,
      baseUrl: config.fly.apiUrl,
      logsUrl: config.fly.logsUrl,
      fetch,
      sleep,
      onCall: observeCalls('fly', { log, metrics, tracer }),
    })
    return createFlyProvisioner({
      fly,
      apps: config.fly.apps,
      endpoint: config.fly.endpoint,
      proxyUrl: config.fly.proxyUrl,
      secretsDelivery: config.plainSecrets ? 'env' : 'fly',
    })
  }
  const { counted } = database
  const { stopping } = outside
  const inTurn = longLived?.createTurns() ?? AT_ONCE
  const eventTail = longLived?.createEventTail({ db: database.db, log, metrics, sleep, steady, stopping })
  return {
    config,
    driver: database.driver,
    checkDisk: database.checkDisk,
    ...bind(UNLIMITED, database.db),
    meter:
      counted === undefined
        ? undefined
        : { limit: config.subrequestLimit, bindBudget: (budget) => bind(budget, counted(budget)) },
    eventTail,
    logTails: longLived?.createLogTails(),
    limits: createLimits({
      perMinute: config.a2a.ratePerMinute,
      maxInFlight: config.a2a.maxInFlight,
      maxBytesInFlight: Math.max(config.a2a.maxBytesInFlight, config.a2a.maxBodyBytes),
      // Longer than a request can wait for its workspace and then for its agent.
      forgetMs: 2 * config.a2a.silenceMs + 60_000,
      now: steady,
    }),
    answersInFlight: createAnswersInFlight(config.a2a.maxBodyBytes),
    routes,
    peerAccess,
    callers,
    failedAttempts: createFailedAttempts(steady),
    insertWorkspace: createInsertWorkspace({ db: database.db }, longLived?.createInsertTogether),
    inTurn,
    storeBeat: createStoreBeat({ db: database.db, inTurn, now, sleep }, longLived?.createStoreBeatsTogether),
    audit: createAuditLog({ db: database.db, now }, longLived?.createBatches),
    tokenLookup: createTokenLookup(database.db, canRunInBackground),
    countRequest: createRateCounter({ policy: 'api', perMinute: config.apiRatePerMinute, now: steady }),
    countDelivery: createRateCounter({
      policy: 'webhooks',
      perMinute: config.webhookRatePerMinute,
      now: steady,
    }),
    countRefusal: createRateCounter({ policy: 'refusals', perMinute: 1, now: steady }),
    unverifiedBytes: createByteBudget(
      UNVERIFIED_BODIES * Math.max(...Object.values(config.hookMaxBodyBytes)),
    ),
    forgers: createForgers({ now: steady, sleep }),
    recentProbes: cache<true>(CACHE_MS),
    machineRests: cache<MachineRest>(CACHE_MS),
    invalidate(workspaceId) {
      routes.delete(workspaceId)
      // Changes are rare beside messages, so the caches that may depend on one are cleared as a whole.
      peerAccess.clear()
      callers.clear()
      eventTail?.wake()
    },
    canRunInBackground,
    stopping,
    activity: createActivityLog({ db: database.db, log, now, sleep }),
    now,
    steady,
    metrics,
    tracer,
    log,
    after,
    sleep,
  }
}

const counting =
  (fetch: typeof globalThis.fetch, budget: SubrequestBudget): typeof globalThis.fetch =>
  (input, init) => {
    budget.spend()
    const { signal } = budget
    if (signal === undefined) return fetch(input, init)
    return fetch(input, {
      ...init,
      signal: AbortSignal.any([signal, ...(init?.signal ? [init.signal] : [])]),
    })
  }
