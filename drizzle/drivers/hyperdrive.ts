// Cloudflare's Hyperdrive, for Workers: node-postgres through a pool that Cloudflare keeps near the database. A connection
// belongs to the invocation that opened it, so each invocation has one, and statements find it by their invocation.
import { AsyncLocalStorage } from 'node:async_hooks'
import { drizzle } from 'drizzle-orm/node-postgres'
import { DatabaseError, Pool, type QueryConfig, type QueryResult } from 'pg'
import { type Counter, DATABASE_TIMEOUT_MS, type OpenDatabase, StaleReads } from '../database.ts'
import { overClient } from '../over-client.ts'
import { queryWithin } from './bounded-query.ts'

type Invocation = { connectionString: string; pool?: Pool; freshness?: Promise<void> }

const invocations = new AsyncLocalStorage<Invocation>()

/**
 * Runs the work of one invocation, including what it leaves to `waitUntil`, on a connection of its own. The first statement
 * opens the connection, and the runtime closes it when the invocation ends (Cloudflare, "Connection lifecycle").
 * @param connectionString from the binding
 */
export const onConnection = <Result>(connectionString: string, work: () => Result): Result =>
  invocations.run({ connectionString }, work)

/**
 * A database whose statements fail with {@link StaleReads} while reads come from a cache.
 * @param options `timeoutMs`: limit of one statement, with the wait for its connection
 */
export function connectHyperdrive({
  timeoutMs = DATABASE_TIMEOUT_MS,
}: { timeoutMs?: number } = {}): OpenDatabase {
  function poolOf(invocation: Invocation): Pool {
    if (invocation.pool !== undefined) return invocation.pool
    const { connectionString } = invocation
    // One connection, because an invocation may have six, including those to Fly and to agents.
    const pool = new Pool({
      connectionString,
      max: 1,
      idleTimeoutMillis: 0,
      connectionTimeoutMillis: timeoutMs,
    })
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    return (invocation.pool = pool)
  }

  /** drizzle calls nothing else of a pool outside of transactions. */
  const clientOf = (counter?: Counter) => ({
    async query(config: QueryConfig, values?: unknown[]): Promise<QueryResult> {
      const run = (pool: Pool, config: QueryConfig, values?: unknown[]) => {
        counter?.spend()
        return queryWithin(pool, timeoutMs, config, values)
      }
      const invocation = invocations.getStore()
      if (invocation === undefined) {
        throw Object.assign(new Error('a statement outside of onConnection'), { code: 'XX000' })
      }
      const pool = poolOf(invocation)
      if (!isFresh) {
        await (invocation.freshness ??= checkFreshness((text, parameters) => run(pool, { text }, parameters)))
      }
      // A connection lasts as long as its invocation, so a name would save nothing.
      return run(pool, { ...config, name: '' }, values)
    },
  })
  const db = drizzle(clientOf() as unknown as Pool, { casing: 'snake_case' })
  return {
    db,
    driver: 'hyperdrive',
    counted: (counter) => overClient(db, clientOf(counter)),
    close: () => Promise.resolve(),
  }
}

// Checked until it is true, and then no more in this isolate.
let isFresh = false

const UNDEFINED_TABLE = '42P01'

/**
 * Checks that a read returns what was just written. With its cache on, Hyperdrive repeats the answer to a known read for 75 s
 * by default (Cloudflare, "Query caching"), with old statuses and leases.
 * @throws StaleReads
 */
async function checkFreshness(
  run: (text: string, parameters: unknown[]) => Promise<QueryResult>,
): Promise<void> {
  // A new name, so that no cache has it. The row is deleted with other expired limits.
  const parameters = [`cache check ${crypto.randomUUID()}`]
  const read = 'select 1 from rate_limits where key = $1'
  try {
    await run(read, parameters)
    await run("insert into rate_limits (key, next_at) values ($1, now() + interval '1 minute')", parameters)
    isFresh = (await run(read, parameters)).rows.length > 0
  } catch (error) {
    // Without tables no read is stale, and the statement itself will fail.
    if (error instanceof DatabaseError && error.code === UNDEFINED_TABLE) return
    throw error
  }
  if (!isFresh) {
    throw new StaleReads(
      "Hyperdrive's cache is on and returns old statuses and leases: npx wrangler hyperdrive update ID --caching-disabled true",
    )
  }
}
