// Neon over HTTP, for Workers: one fetch per statement and no connection to keep.
import { neon, neonConfig, type NeonQueryFunction } from '@neondatabase/serverless'
import { drizzle } from 'drizzle-orm/neon-http'
import { type Counter, DATABASE_TIMEOUT_MS, type OpenDatabase } from '../database.ts'
import { overClient } from '../over-client.ts'
import { withRowsAtOnce } from './read-rows.ts'
import { repeatConflicts } from './repeat-conflicts.ts'

export type NeonOptions = {
  /**
   * Where the driver sends its statements, instead of the host of `url`: a bridge to a plain Postgres, for development and
   * tests.
   */
  endpoint?: string | undefined
  /** Limit of one statement. */
  timeoutMs?: number
}

/** @param url the Neon connection string */
export function connectNeon(
  url: string,
  { endpoint, timeoutMs = DATABASE_TIMEOUT_MS }: NeonOptions = {},
): OpenDatabase {
  if (endpoint !== undefined) neonConfig.fetchEndpoint = () => endpoint
  neonConfig.fetchFunction = boundedFetch
  /** drizzle calls nothing else of a connection outside of transactions. */
  function clientOf(counter?: Counter) {
    const statements = neon(url, { fetchOptions: { counter, timeoutMs } })
    return {
      query: (...args: Parameters<typeof statements.query>) =>
        repeatConflicts(() => statements.query(...args)),
    }
  }
  const db = withRowsAtOnce(
    drizzle(clientOf() as unknown as NeonQueryFunction<false, false>, { casing: 'snake_case' }),
  )
  return {
    db,
    driver: 'neon',
    counted: (counter) => overClient(db, clientOf(counter)),
    close: () => Promise.resolve(),
  }
}

/** The driver has one fetch for all connections, so the options of a connection come with each request. */
async function boundedFetch(
  url: string,
  {
    counter,
    timeoutMs = DATABASE_TIMEOUT_MS,
    ...init
  }: RequestInit & { counter?: Counter; timeoutMs?: number },
): Promise<Response> {
  counter?.spend()
  return fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) })
}
