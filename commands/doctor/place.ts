// What the checks look at, asked for once and shared: a check that builds on another waits for the same answer. Nothing here
// writes; the only thing that doctor ever makes is addresses (addresses.ts).
import { ownerOf } from '../../drizzle/drivers/directory-lock.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import type { OpenDatabase } from '../../drizzle/database.ts'
import type { Config } from '../../lib/config/config.ts'
import { type App, createFlyClient, type FlyClient } from '../../lib/fly/client.ts'

/** A clock that was read over a network: it was `theirs` at some moment between `asked` and `heard`. All in milliseconds. */
export type ClockReading = { asked: number; theirs: number; heard: number }

export type DatabaseFacts = {
  opened: OpenDatabase
  version: string
  /** Of one statement on an open connection, in milliseconds. */
  latencyMs: number
  clock: ClockReading
}

export type Place = {
  config: Config
  fly: FlyClient
  /** False: the emulator is not running, and nothing can be asked of it. */
  flyIsThere: () => Promise<boolean>
  /** What Fly says of each app; rejects as the first call that was refused. */
  apps: () => Promise<App[]>
  /** Fly's `Date` header, as it came last. */
  flyClock: () => ClockReading | undefined
  /** Undefined where the database is embedded: only one process may have it open. Rejects where it does not answer. */
  database: () => Promise<DatabaseFacts | undefined>
  /** Who has the embedded database open, in words. */
  embeddedOwner: () => Promise<string | undefined>
  close: () => Promise<void>
}

export function openPlace(config: Config): Place {
  let flyClock: ClockReading | undefined
  let opened: OpenDatabase | undefined
  const apiUrl = config.fly.emulator ? `http://127.0.0.1:${config.emulator.port}` : config.fly.apiUrl

  const fly = createFlyClient({
    token: config.fly.token,
    baseUrl: apiUrl,
    async fetch(input, init) {
      const asked = Date.now()
      const response = await fetch(input, init)
      const theirs = Date.parse(response.headers.get('date') ?? '')
      // The header has whole seconds: on average it is half a second behind.
      if (!Number.isNaN(theirs)) flyClock = { asked, theirs: theirs + 500, heard: Date.now() }
      return response
    },
  })

  async function look(): Promise<DatabaseFacts | undefined> {
    if (config.database.url === undefined) return undefined
    opened = connectPostgres(config.database.url, { max: 1, timeoutMs: config.database.timeoutMs })
    const { db } = opened
    // The first statement also pays for the connection, and any one may have met a busy moment: how far away it is, the quickest says.
    let latencyMs = Number.POSITIVE_INFINITY
    for (let times = 0; times < 5; times++) {
      const started = performance.now()
      await db.execute('select 1')
      latencyMs = Math.min(latencyMs, performance.now() - started)
    }
    const asked = Date.now()
    const answer: unknown = await db.execute(
      "select current_setting('server_version') as version, (extract(epoch from clock_timestamp()) * 1000)::float8 as now",
    )
    const [row] = (answer as { rows: { version: string; now: number }[] }).rows
    if (row === undefined) throw new Error('it answered without an answer')
    const clock = { asked, theirs: row.now, heard: Date.now() }
    return { opened, version: row.version, latencyMs, clock }
  }

  return {
    config,
    fly,
    flyIsThere: once(async () => {
      if (!config.fly.emulator) return true
      if (config.emulator.port === 0) return false
      try {
        const health = await fetch(`${apiUrl}/_emulator/health`, { signal: AbortSignal.timeout(5_000) })
        return health.headers.get('server') === 'Fly/emulator'
      } catch {
        return false
      }
    }),
    apps: once(() => Promise.all(config.fly.apps.map((app) => fly.getApp(app, QUICKLY)))),
    flyClock: () => flyClock,
    database: once(look),
    embeddedOwner: () => ownerOf(`${config.dataDirectory}/postgres`),
    close: async () => opened?.close(),
  }
}

/** Somebody waits for the answer: one that does not come soon is an answer too. */
export const QUICKLY = { timeoutMs: 5_000, retryWithinMs: 3_000 }

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => (result ??= work())
}
