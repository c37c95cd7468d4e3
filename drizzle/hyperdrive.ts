// Cloudflare's Hyperdrive, for Workers: node-postgres through a pool that Cloudflare keeps beside the database. A connection belongs
// to the invocation that opened it, so there is one for each, and statements find theirs by the invocation that they are made in.
import { AsyncLocalStorage } from 'node:async_hooks'
import { eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Pool, type QueryConfig, type QueryResult } from 'pg'
import type { Counter, Database, OpenDatabase } from './database.ts'
import { rateLimits } from './schema.ts'

const connections = new AsyncLocalStorage<Pool>()

/**
 * Runs the work of one invocation, what it leaves to `waitUntil` included, on a connection of its own, which is opened with the
 * first statement. Nobody closes it: the runtime does, when the invocation ends (Cloudflare, "Connection lifecycle").
 * @param connectionString the binding's
 */
export function onConnection<Result>(connectionString: string, work: () => Result): Result {
  // One, because an invocation may have six connections open at once, those to Fly and to agents among them.
  const pool = new Pool({ connectionString, max: 1, idleTimeoutMillis: 0, connectionTimeoutMillis: 5_000 })
  pool.on('error', () => {})
  return connections.run(pool, work)
}

/** @param counter counts the statements of this database */
export function connectHyperdrive(counter?: Counter): OpenDatabase {
  const ofThisInvocation = {
    // What drizzle calls.
    query(config: QueryConfig, values?: unknown[]): Promise<QueryResult> {
      counter?.spend()
      const pool = connections.getStore()
      if (pool === undefined) throw new Error('a statement outside of onConnection')
      return pool.query(config, values)
    },
  }
  const db = drizzle(ofThisInvocation as Pool, { casing: 'snake_case' })
  return { db, driver: 'hyperdrive', close: () => Promise.resolve() }
}

const PROBE = 'probe of a cache'

/** Until its row is forgotten with other limits: so much, and up to twice so much. */
const PROBE_MS = 30_000

/**
 * Whether a read is answered with what was there before a write. Hyperdrive does so for 60 s and more unless its cache is off, and
 * answers statuses and leases as they were.
 */
export async function answersFromCache(db: Database, now: Date): Promise<boolean> {
  const read = async () => {
    const [row] = await db.select({ at: rateLimits.nextAt }).from(rateLimits).where(eq(rateLimits.key, PROBE))
    return row?.at.getTime()
  }
  const before = await read()
  const nextAt = new Date(now.getTime() + PROBE_MS + Math.floor(Math.random() * PROBE_MS))
  await db
    .insert(rateLimits)
    .values({ key: PROBE, nextAt })
    .onConflictDoUpdate({ target: rateLimits.key, set: { nextAt } })
  const after = await read()
  // Somebody else may have probed in between: then it is neither.
  return after === before && after !== nextAt.getTime()
}
