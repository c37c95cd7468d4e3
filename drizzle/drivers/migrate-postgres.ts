// Brings the schema of a Postgres server up to date, for `npm run db:migrate`. A deploy step has time, so it waits for a
// database that is starting, failing over or waking up.
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { Client } from 'pg'
import { withExplicitSslMode } from '../connection-string.ts'
import { DATABASE_TIMEOUT_MS } from '../database.ts'
import { type DatabaseFailure, diagnoseDriver } from '../database-failure.ts'
import journal from '../migrations/meta/_journal.json' with { type: 'json' }

const migrationsFolder = fileURLToPath(new URL('../migrations', import.meta.url))

/** The advisory lock of migrations; any number that nothing else in the database uses. */
export const MIGRATION_LOCK = 7_465_014_303

/** Pause between two attempts, in milliseconds. */
const RETRY_MS = 1_000

export type Migrated = {
  /** Names of the migrations that were applied now, oldest first. */
  applied: string[]
  /** The database has migrations that this version does not know. They only add, so both versions work with it. */
  isNewer: boolean
}

export type MigrateOptions = {
  /** How long attempts are repeated while the database does not answer; default 0. */
  waitMs?: number
  /** Called before the first repetition. */
  onWait?: (failure: DatabaseFailure) => void
}

/**
 * Applies missing migrations: all or none, and one process after the other when several run at once.
 * @throws the driver's error of the last attempt
 */
export async function migratePostgres(
  url: string,
  { onWait, waitMs = 0 }: MigrateOptions = {},
): Promise<Migrated> {
  const until = performance.now() + waitMs
  for (let attempt = 1; ; attempt++) {
    try {
      return await migrateOnce(url)
    } catch (error) {
      // Nothing was changed: what had been applied was rolled back.
      const failure = diagnoseDriver(error)
      if (failure?.kind !== 'unavailable' || performance.now() + RETRY_MS > until) throw error
      if (attempt === 1) onWait?.(failure)
      await sleep(RETRY_MS)
    }
  }
}

async function migrateOnce(url: string): Promise<Migrated> {
  return withClient(url, (turns) =>
    // A transaction's lock and not a session's, because poolers share sessions.
    drizzle(turns).transaction(async (turn) => {
      await turn.execute(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`)
      return withClient(url, async (client) => {
        const before = await newestOf(client)
        await migrate(drizzle(client), { migrationsFolder })
        return {
          applied: journal.entries.filter(({ when }) => when > before).map(({ tag }) => tag),
          isNewer: journal.entries.every(({ when }) => when < before),
        }
      })
    }),
  )
}

/** Not a pool: drizzle keeps a pool's connection for ever if it breaks before its transaction has begun. */
async function withClient<Result>(url: string, run: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({
    connectionString: withExplicitSslMode(url),
    connectionTimeoutMillis: DATABASE_TIMEOUT_MS,
    keepAlive: true,
  })
  // Without a listener, a server that closes its connections would end this process, and not only the attempt.
  client.on('error', () => {})
  try {
    await client.connect()
    return await run(client)
  } finally {
    await client.end()
  }
}

/** The creation time of the newest applied migration, in Unix milliseconds; 0 without any. */
async function newestOf(client: Client): Promise<number> {
  const { rows: tables } = await client.query(
    "select from pg_tables where schemaname = 'drizzle' and tablename = '__drizzle_migrations'",
  )
  if (tables.length === 0) return 0
  const { rows } = await client.query<{ newest: string | null }>(
    'select max(created_at) as newest from drizzle.__drizzle_migrations',
  )
  return Number(rows[0]?.newest ?? 0)
}
