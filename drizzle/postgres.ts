// A Postgres server over TCP, for Node in production. Migrations are a separate step there (`npm run db:migrate`).
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { Pool } from 'pg'
import type { OpenDatabase } from './database.ts'

const migrationsFolder = fileURLToPath(new URL('migrations', import.meta.url))

/** Opens a pool. Nothing is dialled before the first query; an idle connection that breaks is replaced silently. */
export function connectPostgres(url: string, options: { max?: number } = {}): OpenDatabase {
  const pool = new Pool({ connectionString: url, max: options.max ?? 10, connectionTimeoutMillis: 5_000 })
  // Without a listener, a server that goes away would end this process.
  pool.on('error', () => {})
  return { db: drizzle(pool, { casing: 'snake_case' }), driver: 'postgres', close: () => pool.end() }
}

/** Brings a Postgres server's schema up to date. */
export async function migratePostgres(url: string): Promise<void> {
  const pool = new Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 5_000 })
  try {
    await migrate(drizzle(pool), { migrationsFolder })
  } finally {
    await pool.end()
  }
}
