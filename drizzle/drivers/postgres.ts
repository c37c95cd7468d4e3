// A Postgres server over TCP, for Node in production. Migrations are a separate step there (`npm run db:migrate`).
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { Pool, type QueryConfig, type QueryResult } from 'pg'
import { type OpenDatabase, type Statement, watched } from '../database.ts'
import journal from '../migrations/meta/_journal.json' with { type: 'json' }

const migrationsFolder = fileURLToPath(new URL('../migrations', import.meta.url))

/** Says in a database whose turn it is to migrate it; any number that nobody else there uses. */
const MIGRATION_LOCK = 7_465_014_303

/** Opens a pool. Nothing is dialled before the first query; an idle connection that breaks is replaced silently. */
export function connectPostgres(
  url: string,
  options: { max?: number; watch?: ((statement: Statement) => void) | undefined } = {},
): OpenDatabase {
  const pool = new Pool({ connectionString: url, max: options.max ?? 10, connectionTimeoutMillis: 5_000 })
  // Without a listener, a server that goes away would end this process.
  pool.on('error', () => {})
  if (options.watch !== undefined) {
    // One signature of many: what drizzle calls.
    const query = pool.query.bind(pool) as (config: QueryConfig, values?: unknown[]) => Promise<QueryResult>
    pool.query = watched(query, options.watch) as typeof pool.query
  }
  return { db: drizzle(pool, { casing: 'snake_case' }), driver: 'postgres', close: () => pool.end() }
}

export type Migrated = {
  /** Names of the migrations that were applied now, oldest first. */
  applied: string[]
  /** The database has migrations that this version does not know. They only add, so both versions work with it. */
  isNewer: boolean
}

/**
 * Brings a Postgres server's schema up to date: all or nothing, and one process after the other when several try at
 * once.
 */
export async function migratePostgres(url: string): Promise<Migrated> {
  const pool = new Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 5_000 })
  try {
    // The lock is a transaction's and not a session's, so that it also holds behind a pooler, which shares its
    // sessions.
    return await drizzle(pool).transaction(async (turn) => {
      await turn.execute(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`)
      const before = await newestOf(pool)
      await migrate(drizzle(pool), { migrationsFolder })
      return {
        applied: journal.entries.filter(({ when }) => when > before).map(({ tag }) => tag),
        isNewer: journal.entries.every(({ when }) => when < before),
      }
    })
  } finally {
    await pool.end()
  }
}

/** When the newest migration of a database was made, in milliseconds; 0 without any. */
async function newestOf(pool: Pool): Promise<number> {
  const { rows: tables } = await pool.query(
    "select from pg_tables where schemaname = 'drizzle' and tablename = '__drizzle_migrations'",
  )
  if (tables.length === 0) return 0
  const { rows } = await pool.query<{ newest: string | null }>(
    'select max(created_at) as newest from drizzle.__drizzle_migrations',
  )
  return Number(rows[0]?.newest ?? 0)
}
