// One time limit for a statement of node-postgres, which covers the wait for a connection, its set-up, and the answer.
import type { Pool, QueryConfig, QueryResult } from 'pg'
import { repeatConflicts } from './repeat-conflicts.ts'

/** @param timeoutMs of one attempt; also the pool's `connectionTimeoutMillis` */
export const queryWithin = (
  pool: Pool,
  timeoutMs: number,
  config: QueryConfig,
  values?: unknown[],
): Promise<QueryResult> => repeatConflicts(() => queryOnce(pool, timeoutMs, config, values))

async function queryOnce(
  pool: Pool,
  timeoutMs: number,
  config: QueryConfig,
  values?: unknown[],
): Promise<QueryResult> {
  const begun = performance.now()
  const client = await pool.connect()
  let failed = true
  try {
    const left = Math.max(1, timeoutMs - (performance.now() - begun))
    // node-postgres reads this option of a query, and its types lack it.
    const bounded: QueryConfig & { query_timeout: number } = { ...config, query_timeout: left }
    const result = await client.query(bounded, values)
    failed = false
    return result
  } finally {
    // A connection with an error is closed, and with it a statement that still runs.
    client.release(failed)
  }
}
