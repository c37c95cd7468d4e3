// What was stored for a workspace while another request removed it: neither statement sees what the other does.
import { sql } from 'drizzle-orm'
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

const OF_REMOVED = sql`workspace_id in (select id from ${workspaces} where status = 'removed')`

const deleteFrom = (
  table: typeof secrets | typeof workspaceFiles | typeof hooks | typeof holds | typeof schedules,
) => sql`delete from ${table} where ${OF_REMOVED} returning 1`

export async function deleteOfRemoved({ db, now }: Store): Promise<void> {
  await db.execute(sql`with a as (${deleteFrom(secrets)}), b as (${deleteFrom(workspaceFiles)}), c as (${deleteFrom(hooks)}),
    d as (${deleteFrom(holds)}), e as (${deleteFrom(schedules)})
    update ${workspaceTokens} set revoked_at = ${now().toISOString()}::timestamptz where revoked_at is null and ${OF_REMOVED}`)
}
