// One time limit for a statement of node-postgres, which covers the wait for a connection, its set-up, and the answer.
import type { Pool, PoolClient, QueryConfig, QueryResult } from 'pg'
import { repeatConflicts } from './repeat-conflicts.ts'

/** node-postgres reads `query_timeout` of a query, and its types lack it. */
export type BoundedConfig = QueryConfig & { query_timeout: number }

type Run = (client: PoolClient, config: BoundedConfig, values?: unknown[]) => Promise<QueryResult>

const runPlain: Run = (client, config, values) => client.query(config, values)

/**
 * @param timeoutMs of one attempt; also the pool's `connectionTimeoutMillis`
 * @param run sends the statement over a connection
 */
export const queryWithin = (
  pool: Pool,
  timeoutMs: number,
  config: QueryConfig,
  values?: unknown[],
  run = runPlain,
): Promise<QueryResult> =>
  repeatConflicts(async () => {
    const begun = performance.now()
    const client = await pool.connect()
    let failed = true
    try {
      const left = Math.max(1, timeoutMs - (performance.now() - begun))
      const result = await run(client, { ...config, query_timeout: left }, values)
      failed = false
      return result
    } finally {
      // A connection with an error is closed, and with it a statement that still runs.
      client.release(failed)
    }
  })
