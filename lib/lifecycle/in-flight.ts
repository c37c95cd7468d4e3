// The mark of a workspace to which a request has been in flight for long, in some process. It ends by itself, by the database's clock,
// which all processes share.
import { sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'

/** When a mark that a statement makes ends: later than the process that has the request makes the next one. */
export const MARK_END = sql`now() + interval '30 seconds'`

/** Whether a row of `workspaces` has a mark. */
export const isMarked = sql<boolean>`coalesce(${workspaces.busyUntil} > now(), false)`
