// What all drivers can do, as one type. Interactive transactions are left out because Neon over HTTP has none: every
// change here is one SQL statement. Relational queries are left out because their tables of relations take longer to
// make than all else that a Worker needs to begin.
import { DrizzleQueryError } from 'drizzle-orm'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'

export type Database = Omit<PgDatabase<PgQueryResultHKT>, 'query' | 'transaction'>

/** An open database: its queries, its driver's name for `/healthz`, and how to let go of it. */
export type OpenDatabase = {
  db: Database
  driver: 'pglite' | 'postgres' | 'neon' | 'hyperdrive'
  close(): Promise<void>
}

/** Is told of each statement before it leaves, and may throw instead. */
export type Counter = { spend(): void }

/**
 * A statement that is over. Its text has `$1` where values were. `failed` is an SQLSTATE, or the name of an error.
 */
export type Statement = { text: string; ms: number; failed: string | undefined }

/** What a driver's query takes first: the text, or what holds it. */
type Asked = string | { text: string }

/** Wraps a driver's `query`, so that each statement is told when it is over. */
export function watched<Args extends [Asked, ...unknown[]], Answer>(
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
      const [asked] = args
      watch({ text: typeof asked === 'string' ? asked : asked.text, ms: performance.now() - started, failed })
    }
  }
}

/** Reads come from a cache, and show what was before a write: no outage, but nothing may be done with them. */
export class StaleReads extends Error {
  override name = 'StaleReads'
  readonly code = 'XX000'
}

// SQLSTATE classes that mean "not now" rather than "not like this": connection, resources, operator intervention, and
// what a database or a Hyperdrive before it cannot help
// (https://developers.cloudflare.com/hyperdrive/observability/troubleshooting/).
const PASSING = /^(08|53|57|58)/

/**
 * Whether an error says that the database could not be reached or served, as opposed to having refused a statement.
 * A query that failed without an SQLSTATE never got an answer.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof DrizzleQueryError)) return false
  const code = (error.cause as { code?: unknown } | undefined)?.code
  return typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || PASSING.test(code)
}
