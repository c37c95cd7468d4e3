// Gives a workspace another disk in place of its own, in one statement: the new one is wanted, the old one is kept, and
// nobody ever sees a workspace with two disks or with none. The reconcile that follows makes the new one.
import { type SQL, sql } from 'drizzle-orm'
import { disks, type DiskSource, workspaces } from '../../drizzle/schema/index.ts'
import type { Config } from '../config/config.ts'
import type { ChangeContext } from '../lifecycle/transition.ts'
import type { Disk, Workspace } from '../lifecycle/workspace.ts'
import { appendDiskEvents, type DiskFacts } from './change-disk.ts'
import { newDiskId } from './disk-names.ts'

/** What a copy of a disk starts from. Only within the app and region can the provider copy a disk itself. */
export function copyOf(disk: Disk, isSameRegion: boolean): DiskSource {
  // A disk that no machine ever had contains what its own source does.
  const from: DiskSource = disk.mountedAt === null ? disk.source : { kind: 'disk', disk_id: disk.id }
  if (from.kind !== 'disk' || isSameRegion) return from
  return { kind: 'snapshot', disk_id: from.disk_id, snapshot_id: null, known: null }
}

/** Days for which a replaced disk is kept at least: its data may be newer than that of the disk in its place. */
export const REPLACED_DISK_DAYS = 7

export const daysAfter = (now: Date, days: number) => new Date(now.getTime() + days * 86_400_000)

export type Replacement = {
  source: DiskSource
  /** Where the new disk must be; null: in any region of the workspace. */
  region: string | null
  sizeGb?: number
  cause: 'host_full' | 'host_lost' | 'moved' | 'restored'
  /** When the data of the new disk was written last, where that is known. */
  dataFrom: Date | null
  /** Columns of the workspace that change with it. */
  changes?: SQL
}

/**
 * A disk that no machine ever had contains nothing of its own, so it is deleted; any other is kept.
 *
 * @param where a condition on `workspaces` that must still hold
 * @returns the id of the new disk; undefined when the workspace has changed meanwhile
 */
export async function replaceDisk(
  services: ChangeContext & { config: Config; now: () => Date },
  { disk: old, id }: { disk: Disk; id: Workspace['id'] },
  replacement: Replacement,
  where: SQL = sql`true`,
): Promise<string | undefined> {
  const { config, db } = services
  const now = services.now()
  const at = sql`${now.toISOString()}::timestamptz`
  const newId = newDiskId()
  const { cause, dataFrom, region, source } = replacement
  const until = daysAfter(now, Math.max(REPLACED_DISK_DAYS, config.disks.retentionDays))
  const facts: DiskFacts<'disk_replaced'> = {
    event: 'disk_replaced',
    payload: {
      replaces: old.id,
      cause,
      data_from: dataFrom?.toISOString() ?? null,
      data_age_seconds:
        dataFrom === null ? null : Math.max(0, Math.round((now.getTime() - dataFrom.getTime()) / 1000)),
      kept_until: old.mountedAt === null ? null : until.toISOString(),
    },
  }
  const released = db.$with('released', {}).as(
    sql`update ${disks} set workspace_id = null, replaced_by = ${newId}, retained_at = ${at}, retained_reason = 'replaced',
          retained_until = ${until.toISOString()}::timestamptz,
          state = case when mounted_at is null and state <> 'wanted' then 'deleting' when state = 'wanted' then 'gone' else state end
        where id = ${old.id} and workspace_id = ${id}::uuid
          and exists (select from ${workspaces} where ${workspaces.id} = ${id}::uuid and ${workspaces.diskId} = ${old.id} and ${where})
        returning id`,
  )
  const made = db.$with('made', { id: disks.id }).as(
    sql`insert into ${disks} (id, workspace_id, made_for, state, size_gb, source, app, region, inserted_at)
        select ${newId}, ${id}::uuid, ${id}::uuid, 'wanted', ${replacement.sizeGb ?? old.sizeGb}::int, ${JSON.stringify(source)}::jsonb, ${old.app}, ${region}, ${at}
        from released returning id, made_for, volume_id, region, size_gb`,
  )
  const pointed = db.$with('pointed', {}).as(
    sql`update ${workspaces} set disk_id = ${newId}, updated_at = ${at} ${replacement.changes ?? sql``}
        where id = ${id}::uuid and exists (select from made) returning id`,
  )
  const logged = appendDiskEvents(services, 'made', now, facts)
  const rows = await db.with(released, made, pointed, logged).select({ id: made.id }).from(made)
  services.invalidate(id)
  return rows.length === 0 ? undefined : newId
}
