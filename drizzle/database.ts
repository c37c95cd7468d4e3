// The one type of all drivers. It omits interactive transactions, because Neon over HTTP has none: every change here is one
// SQL statement. It omits relational queries, because their tables of relations would dominate the start of a Worker.
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'

export type Database = Omit<PgDatabase<PgQueryResultHKT>, 'query' | 'transaction'>

/** An open database: its queries, its driver's name for `/healthz`, and its end. */
export type OpenDatabase = {
  db: Database
  driver: 'pglite' | 'postgres' | 'neon' | 'hyperdrive'
  /** Checks the disk of an embedded database: a full one refuses writes only when it is too late. @returns what is wrong */
  checkDisk?: () => Promise<string | undefined>
  /** The database for work whose statements are counted; where statements are no requests, it is absent. */
  counted?: (counter: Counter) => Database
  close: () => Promise<void>
}

/** The default of DATABASE_TIMEOUT_SECONDS: longer than Neon's slowest known start. */
export const DATABASE_TIMEOUT_MS = 15_000

/** Counts statements before they are sent, and may throw instead. */
export type Counter = { spend(): void }

/** A finished statement. Its text has `$1` in place of values. `failed` is an SQLSTATE or the name of an error. */
export type Statement = { text: string; ms: number; failed: string | undefined }

/** The first argument of a driver's query: the text, or an object that has it. */
type QueryText = string | { text: string }

/** Wraps a driver's `query`, and reports each statement when it has ended. */
export function watched<Args extends [QueryText, ...unknown[]], Answer>(
  query: (...args: Args) => Promise<Answer>,
  watch: (statement: Statement) => void,
): (...args: Args) => Promise<Answer> {
  return async (...args) => {
    const started = performance.now()
    let failed: string | undefined
    try {
      return await query(...args)
    } catch (error) {
      const { code, name } = error as { code?: unknown; name?: string }
      failed = typeof code === 'string' ? code : (name ?? 'Error')
      throw error
    } finally {
      const [query] = args
      const text = typeof query === 'string' ? query : query.text
      watch({ text, ms: performance.now() - started, failed })
    }
  }
}

/** Thrown when reads come from a cache and may be from before a write. It is no outage, but no read can be trusted. */
export class StaleReads extends Error {
  override name = 'StaleReads'
  readonly code = 'XX000'
}
