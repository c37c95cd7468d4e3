// What the checks read. Each part is read once and shared: a check that needs the result of another waits for it. Nothing
// here writes.
import { ownerOf } from '../../drizzle/drivers/directory-lock.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import type { OpenDatabase } from '../../drizzle/database.ts'
import type { Config } from '../../lib/config/config.ts'
import { type App, createFlyClient, type FlyClient } from '../../lib/fly/client.ts'

/** The time of another clock: it showed `remote` between `sent` and `received`. All in milliseconds since the epoch. */
export type ClockReading = { sent: number; remote: number; received: number }

export type DatabaseFacts = {
  opened: OpenDatabase
  version: string
  /** The fastest of five statements on an open connection, in milliseconds. */
  latencyMs: number
  clock: ClockReading
}

export type DoctorContext = {
  config: Config
  fly: FlyClient
  /** False: the emulator is not running. */
  isFlyReachable: () => Promise<boolean>
  /** The apps at Fly. Rejects with the first error. */
  apps: () => Promise<App[]>
  /** The latest `Date` header of Fly. */
  flyClock: () => ClockReading | undefined
  /** Undefined if the database is embedded, because only one process may open it. Rejects if it does not answer. */
  database: () => Promise<DatabaseFacts | undefined>
  /** The process that has the embedded database open, in words. */
  embeddedOwner: () => Promise<string | undefined>
  close: () => Promise<void>
}

export function createContext(config: Config): DoctorContext {
  let flyClock: ClockReading | undefined
  let opened: OpenDatabase | undefined
  const apiUrl =
    config.backend === 'emulator' ? `http://127.0.0.1:${config.emulator.port}` : config.fly.apiUrl

  const fly = createFlyClient({
    token: config.fly.token,
    baseUrl: apiUrl,
    async fetch(input, init) {
      const sent = Date.now()
      const response = await fetch(input, init)
      const remote = Date.parse(response.headers.get('date') ?? '')
      // The header has whole seconds: on average it is half a second late.
      if (!Number.isNaN(remote)) flyClock = { sent, remote: remote + 500, received: Date.now() }
      return response
    },
  })

  async function readDatabase(): Promise<DatabaseFacts | undefined> {
    if (config.database.url === undefined) return undefined
    opened = connectPostgres(config.database.url, { max: 1, timeoutMs: config.database.timeoutMs })
    const { db } = opened
    // The first statement includes the connection, and any may be delayed: the fastest shows the distance.
    let latencyMs = Number.POSITIVE_INFINITY
    for (let times = 0; times < 5; times++) {
      const started = performance.now()
      await db.execute('select 1')
      latencyMs = Math.min(latencyMs, performance.now() - started)
    }
    const sent = Date.now()
    const answer: unknown = await db.execute(
      "select current_setting('server_version') as version, (extract(epoch from clock_timestamp()) * 1000)::float8 as now",
    )
    const [row] = (answer as { rows: { version: string; now: number }[] }).rows
    if (row === undefined) throw new Error('the database returned no row')
    const clock = { sent, remote: row.now, received: Date.now() }
    return { opened, version: row.version, latencyMs, clock }
  }

  return {
    config,
    fly,
    isFlyReachable: once(async () => {
      if (config.backend === 'docker') return false
      if (config.backend !== 'emulator') return true
      if (config.emulator.port === 0) return false
      try {
        const health = await fetch(`${apiUrl}/_emulator/health`, { signal: AbortSignal.timeout(5_000) })
        return health.headers.get('server') === 'Fly/emulator'
      } catch {
        return false
      }
    }),
    apps: once(() => Promise.all(config.fly.apps.map((app) => fly.getApp(app, QUICK)))),
    flyClock: () => flyClock,
    database: once(readDatabase),
    embeddedOwner: () => ownerOf(`${config.dataDirectory}/postgres`),
    close: async () => opened?.close(),
  }
}

/** A person waits for the result, so a late answer counts as an error. */
export const QUICK = { timeoutMs: 5_000, retryWithinMs: 3_000 }

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => (result ??= work())
}
