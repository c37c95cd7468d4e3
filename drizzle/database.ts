// What all three drivers can do, as one type. Interactive transactions are left out because Neon over HTTP has none: every
// change here is one SQL statement. Relational queries are left out because their tables of relations take longer to make than
// all else that a Worker needs to begin.
import { DrizzleQueryError } from 'drizzle-orm'
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'

export type Database = Omit<PgDatabase<PgQueryResultHKT>, 'query' | 'transaction'>

/** An open database: its queries, its driver's name for `/healthz`, and how to let go of it. */
export type OpenDatabase = {
  db: Database
  driver: 'pglite' | 'postgres' | 'neon'
  close(): Promise<void>
}

// SQLSTATE classes that mean "not now" rather than "not like this": connection, resources, operator intervention.
const PASSING = /^(08|53|57)/

/**
 * Whether an error says that the database could not be reached or served, as opposed to having refused a statement.
 * A query that failed without an SQLSTATE never got an answer.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof DrizzleQueryError)) return false
  const code = (error.cause as { code?: unknown } | undefined)?.code
  return typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || PASSING.test(code)
}
