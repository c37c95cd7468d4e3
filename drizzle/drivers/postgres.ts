// A Postgres server over TCP, for Node in production. Migrations are a separate step there (migrate-postgres.ts).
import { drizzle } from 'drizzle-orm/node-postgres'
import { DatabaseError, Pool, type QueryConfig, type QueryResult } from 'pg'
import { withExplicitSslMode } from '../connection-string.ts'
import { DATABASE_TIMEOUT_MS, type OpenDatabase, type Statement, watched } from '../database.ts'
import { queryWithin } from './bounded-query.ts'
import { runStatement } from './named-query.ts'
import { withNames } from './named-statements.ts'
import { withRowsAtOnce } from './read-rows.ts'

/** The server cancels a statement before the client's limit, so that a late statement has a known result: not executed. */
const SERVER_SHARE = 0.9

export type PostgresOptions = {
  /** Connections at most; default 10. */
  max?: number
  /** Limit of one statement, its connection included. */
  timeoutMs?: number
  watch?: ((statement: Statement) => void) | undefined
}

/** Sends statements over one pool of connections. */
export type PostgresPool = {
  send: (config: QueryConfig, values?: unknown[]) => Promise<QueryResult>
  close: () => Promise<void>
}

/** Opens a pool. It connects with the first query, and replaces broken connections silently. */
export function connectPostgres(url: string, options: PostgresOptions = {}): OpenDatabase {
  return databaseOn(openPool(url, options), options.watch)
}

/** @returns the database behind a pool, which closes it */
export function databaseOn({ close, send }: PostgresPool, watch?: PostgresOptions['watch']): OpenDatabase {
  // drizzle calls nothing else of a pool outside of transactions.
  const client = { query: watch === undefined ? send : watched(send, watch) }
  const db = withRowsAtOnce(drizzle(client as unknown as Pool, { casing: 'snake_case' }))
  return { db, driver: 'postgres', close }
}

export function openPool(
  url: string,
  { max = 10, timeoutMs = DATABASE_TIMEOUT_MS }: PostgresOptions = {},
): PostgresPool {
  const open = (limits: { statement_timeout?: number }) => createPool(url, { max, timeoutMs, ...limits })
  let pool = open({ statement_timeout: Math.ceil(timeoutMs * SERVER_SHARE) })
  let isLimited = true

  async function send(config: QueryConfig, values?: unknown[]): Promise<QueryResult> {
    try {
      return await queryWithin(pool, timeoutMs, config, values, runStatement)
    } catch (error) {
      if (!isUnsupportedParameter(error)) throw error
      if (isLimited) {
        isLimited = false
        pool = open({})
      }
      return queryWithin(pool, timeoutMs, config, values, runStatement)
    }
  }

  return { send: withNames(send), close: () => pool.end() }
}

function createPool(
  url: string,
  { timeoutMs, ...rest }: { max: number; timeoutMs: number; statement_timeout?: number },
): Pool {
  const pool = new Pool({
    connectionString: withExplicitSslMode(url),
    connectionTimeoutMillis: timeoutMs,
    ...rest,
  })
  // Without listeners, a server that closes its connections would end this process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** Poolers such as PgBouncer refuse connections with a `statement_timeout`; the client's limit remains. */
const isUnsupportedParameter = (error: unknown) =>
  error instanceof DatabaseError && /unsupported startup parameter/i.test(error.message)
