// Keeps the disks of removed workspaces, as parts of the statement that removes the workspaces or detaches the disks.
import { type SQL, sql } from 'drizzle-orm'
import { disks, type RetainedReason, workspaces } from '../../drizzle/schema/index.ts'
import type { ChangeContext } from '../lifecycle/transition.ts'
import { appendDiskEvents } from './change-disk.ts'

/** Those of disks that were made: one that was not has nothing to keep. */
const KEPT = sql`('ready', 'missing', 'deleting')`

/** Whether a workspace has a disk that can be kept. */
export const hasContent: SQL = sql`exists (select from ${disks} where ${disks.id} = ${workspaces.diskId} and ${disks.state} in ${KEPT})`

/**
 * The parts of a statement that has the ids of the workspaces in a CTE `moved`, which sets their `disk_id` to null.
 *
 * @param until when the disks are deleted; null: on request only
 */
export function keepDisks(
  services: ChangeContext,
  { now, reason, until }: { now: Date; reason: RetainedReason; until: Date | null },
) {
  const kept = services.db.$with('kept', {}).as(
    sql`update ${disks} set workspace_id = null, retained_at = ${now.toISOString()}::timestamptz,
          retained_reason = ${reason}, retained_until = ${until?.toISOString() ?? null}::timestamptz,
          state = case when state = 'deleting' then 'ready' else state end
        where workspace_id in (select id from moved) and state in ${KEPT}
        returning id, made_for, volume_id, region, size_gb`,
  )
  const logged = appendDiskEvents(services, 'kept', now, {
    event: 'disk_retained',
    payload: { kept_until: until?.toISOString() ?? null },
  })
  return [kept, logged]
}
