// Cloudflare's Hyperdrive, for Workers: node-postgres through a pool that Cloudflare keeps beside the database. A
// connection belongs to the invocation that opened it, so there is one for each, and statements find theirs by the
// invocation that they are made in.
import { AsyncLocalStorage } from 'node:async_hooks'
import { drizzle } from 'drizzle-orm/node-postgres'
import { DatabaseError, Pool, type QueryConfig, type QueryResult } from 'pg'
import { type Counter, type OpenDatabase, StaleReads } from '../database.ts'

type Invocation = { pool: Pool; proof?: Promise<void> }

const invocations = new AsyncLocalStorage<Invocation>()

/** Statements of one invocation share a connection, so this is also how long one may wait for the others. */
const CONNECT_MS = 30_000

/**
 * Runs the work of one invocation, what it leaves to `waitUntil` included, on a connection of its own, which is
 * opened with the first statement. Nobody closes it: the runtime does, when the invocation ends (Cloudflare,
 * "Connection lifecycle").
 * @param connectionString the binding's
 */
export function onConnection<Result>(connectionString: string, work: () => Result): Result {
  // One, because an invocation may have six connections open at once, those to Fly and to agents among them.
  const pool = new Pool({
    connectionString,
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: CONNECT_MS,
  })
  pool.on('error', () => {})
  return invocations.run({ pool }, work)
}

/**
 * A database whose statements fail with {@link StaleReads} as long as reads come from a cache.
 * @param counter counts them
 */
export function connectHyperdrive(counter?: Counter): OpenDatabase {
  const ofThisInvocation = {
    // What drizzle calls.
    async query(config: QueryConfig, values?: unknown[]): Promise<QueryResult> {
      const invocation = invocations.getStore()
      if (invocation === undefined) {
        throw Object.assign(new Error('a statement outside of onConnection'), { code: 'XX000' })
      }
      if (!isFresh) await (invocation.proof ??= proveFresh(invocation.pool, counter))
      counter?.spend()
      return invocation.pool.query(config, values)
    },
  }
  const db = drizzle(ofThisInvocation as unknown as Pool, { casing: 'snake_case' })
  return { db, driver: 'hyperdrive', close: () => Promise.resolve() }
}

// Once per isolate, and until it is so.
let isFresh = false

const UNDEFINED_TABLE = '42P01'

/**
 * Tries out whether what was just written is read. With its cache on, Hyperdrive answers a read that it has seen with
 * what it was answered then, for 75 s by default (Cloudflare, "Query caching"); with statuses and leases as they
 * were.
 * @throws StaleReads
 */
async function proveFresh(pool: Pool, counter: Counter | undefined): Promise<void> {
  // A name that nobody has used, so that nothing is cached or written under it by others. It is forgotten with other
  // limits.
  const name = `a cache? ${crypto.randomUUID()}`
  const run = (text: string) => {
    counter?.spend()
    return pool.query(text, [name])
  }
  const read = 'select 1 from rate_limits where key = $1'
  try {
    await run(read)
    await run("insert into rate_limits (key, next_at) values ($1, now() + interval '1 minute')")
    isFresh = (await run(read)).rows.length > 0
  } catch (error) {
    // Without tables there is nothing to be stale; who needs them says so.
    if (error instanceof DatabaseError && error.code === UNDEFINED_TABLE) return
    throw error
  }
  if (!isFresh) {
    throw new StaleReads(
      "Hyperdrive's cache is on, and shows statuses and leases as they were: npx wrangler hyperdrive update ID --caching-disabled true",
    )
  }
}
