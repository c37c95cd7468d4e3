// What the error of a failed statement means, for code that knows no driver.
import { DrizzleQueryError } from 'drizzle-orm'
import { diagnoseDatabase } from '../../drizzle/database-failure.ts'

export {
  type DatabaseFailure,
  diagnoseDatabase,
  isDatabaseUnavailable,
  UNMIGRATED,
} from '../../drizzle/database-failure.ts'

/** Whether the database answered and refused a statement for its values; nothing of it was stored. */
export const isRefusedStatement = (error: unknown): boolean =>
  error instanceof DrizzleQueryError && diagnoseDatabase(error) === undefined

/** Whether a statement was refused because a unique value is taken; nothing of it was stored. */
export const isUniqueViolation = (error: unknown): boolean => codeOf(error) === UNIQUE_VIOLATION

/** Whether a statement needs a table or schema that does not exist, because the migrations have not run. */
export const isMissingTable = (error: unknown): boolean => {
  const code = codeOf(error)
  return code === UNDEFINED_TABLE || code === UNDEFINED_SCHEMA
}

const codeOf = (error: unknown): unknown =>
  error instanceof DrizzleQueryError ? (error.cause as { code?: unknown } | undefined)?.code : undefined

const UNIQUE_VIOLATION = '23505'
const UNDEFINED_TABLE = '42P01'
const UNDEFINED_SCHEMA = '3F000'
