// Tells apart what a failed statement means, for those who know no driver: the database is down, somebody else was quicker, or
// we made a mistake.
import { DrizzleQueryError } from 'drizzle-orm'

export { isDatabaseUnavailable } from '../drizzle/database.ts'

/** Whether a statement was refused because a unique value is taken; nothing of it was stored. */
export const isTaken = (error: unknown): boolean =>
  error instanceof DrizzleQueryError &&
  (error.cause as { code?: unknown } | undefined)?.code === UNIQUE_VIOLATION

const UNIQUE_VIOLATION = '23505'
