// What ends with a workspace: its tokens are revoked, and its secrets, files, hooks, holds and schedules are deleted. That happens when it is
// removed, and again later: what is stored at the same moment is not seen by the statement that removes it.
import { type SQL, sql } from 'drizzle-orm'
import {
  holds,
  hooks,
  schedules,
  secrets,
  workspaceFiles,
  workspaces,
  workspaceTokens,
} from '../../drizzle/schema/index.ts'
import type { Store } from '../platform/context.ts'

/** @param ids of the workspaces, as a query */
export const endOwned = (ids: SQL, now: Date): SQL[] => [
  sql`update ${workspaceTokens} set revoked_at = ${now.toISOString()}::timestamptz
    where revoked_at is null and workspace_id in (${ids}) returning 1`,
  ...[secrets, workspaceFiles, hooks, holds, schedules].map(
    (table) => sql`delete from ${table} where workspace_id in (${ids}) returning 1`,
  ),
]

export async function endOwnedByRemoved({ db, now }: Store): Promise<void> {
  const removed = sql`select id from ${workspaces} where status = 'removed'`
  const parts = endOwned(removed, now()).map(
    (statement, at) => sql`${sql.identifier(`part_${at}`)} as (${statement})`,
  )
  await db.execute(sql`with ${sql.join(parts, sql`, `)} select 1`)
}
