// Whether a workspace is held awake: a condition of statements that would let it sleep.
import { type SQL, sql } from 'drizzle-orm'
import { holds, workspaces } from '../../drizzle/schema/index.ts'

/** Whether a row of `workspaces` has a hold whose time is not over. */
export const isHeld = (now: Date): SQL =>
  sql`exists (select from ${holds} hold where hold.workspace_id = ${workspaces.id}
    and hold.until > ${now.toISOString()}::timestamptz)`
