// Tells apart what a failed statement means, for those who know no driver: the database is down, somebody else was
// quicker, or we made a mistake.
import { DrizzleQueryError } from 'drizzle-orm'
import { StaleReads } from '../../drizzle/database.ts'

export { isDatabaseUnavailable } from '../../drizzle/database.ts'

/** Why reads are not to be trusted, where they come from a cache. */
export const staleReadsOf = (error: unknown): StaleReads | undefined =>
  error instanceof DrizzleQueryError && error.cause instanceof StaleReads ? error.cause : undefined

/** Whether a statement was refused because a unique value is taken; nothing of it was stored. */
export const isUniqueViolation = (error: unknown): boolean => codeOf(error) === UNIQUE_VIOLATION

/** Whether a statement speaks of a table or schema that is not there: the migrations were not run. */
export const isMissingTable = (error: unknown): boolean => {
  const code = codeOf(error)
  return code === UNDEFINED_TABLE || code === UNDEFINED_SCHEMA
}

const codeOf = (error: unknown): unknown =>
  error instanceof DrizzleQueryError ? (error.cause as { code?: unknown } | undefined)?.code : undefined

const UNIQUE_VIOLATION = '23505'
const UNDEFINED_TABLE = '42P01'
const UNDEFINED_SCHEMA = '3F000'
