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
 * Whether a workspace of `moved` still waits for a copy of this disk, or for the disk in its place: then this one has what its
 * agent wrote.
 */
const isLeftFor = sql`exists (select from moved join ${disks} pending on pending.id = moved.disk_id
  where pending.state in ('wanted', 'creating') and ${disks.madeFor} = moved.id
    and (pending.source ->> 'disk_id' = ${disks.id} or ${disks.replacedBy} = pending.id))`

/**
 * The parts of a statement that has the workspaces in a CTE `moved`, which sets the `disk_id` of those whose disk is kept to null.
 *
 * @param until when the disks are deleted; null: on request only
 */
export function keepDisks(
  services: ChangeContext,
  { now, reason, until }: { now: Date; reason: RetainedReason; until: Date | null },
) {
  const kept = services.db.$with('kept', {}).as(
    sql`update ${disks} set workspace_id = null, retained_at = ${now.toISOString()}::timestamptz,
          retained_reason = ${reason},
          retained_until = case when ${until !== null}::boolean then greatest(${until?.toISOString() ?? null}::timestamptz, retained_until) end,
          state = case when state = 'deleting' then 'ready' else state end
        where workspace_id in (select id from moved) and state in ${KEPT}
          or workspace_id is null and state in ('ready', 'missing') and ${isLeftFor}
        returning id, made_for, volume_id, region, size_gb`,
  )
  const logged = appendDiskEvents(services, 'kept', now, {
    event: 'disk_retained',
    payload: { kept_until: until?.toISOString() ?? null },
  })
  return [kept, logged]
}
