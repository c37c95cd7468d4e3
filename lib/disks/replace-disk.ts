// Gives a workspace another disk in place of its own, in one statement: the new one is wanted, the old one is kept, and
// nobody ever sees a workspace with two disks or with none. The reconcile that follows makes the new one.
import { and, eq, type SQL, sql, type WithSubquery } from 'drizzle-orm'
import { disks, type DiskSource, workspaces } from '../../drizzle/schema/index.ts'
import type { Config } from '../config/config.ts'
import type { ChangeContext } from '../lifecycle/transition.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import { appendDiskEvents } from './change-disk.ts'
import { newDiskId } from './disk-names.ts'

/** Whether a disk contains something: a machine had it, or it was made as a copy, whose origin may be gone by now. */
export const hasData = ({
  mountedAt,
  source,
  state,
}: Pick<Disk, 'mountedAt' | 'source' | 'state'>): boolean =>
  mountedAt !== null || (state === 'ready' && source.kind !== 'empty')

/** What a copy of a disk starts from. Only within the app and region can the provider copy a disk itself. */
export function copyOf(disk: Disk, isSameRegion: boolean): DiskSource {
  const from: DiskSource = hasData(disk) ? { kind: 'disk', disk_id: disk.id } : disk.source
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
  /** The new disk is at least this large, and at least as large as the old one. */
  sizeGb?: number
  cause: 'host_full' | 'host_lost' | 'moved' | 'restored'
  /** When the data of the new disk was written last, where that is known. */
  dataFrom: Date | null
}

type ReplaceContext = ChangeContext & { config: Config; now: () => Date }

/** Gives a workspace without any other change another disk. @param where a condition on `workspaces` */
export async function replaceDisk(
  services: ReplaceContext,
  { disk: old, id }: { disk: Disk; id: string },
  replacement: Replacement,
  where: SQL,
): Promise<void> {
  const { db } = services
  const { newId, withs } = replacementParts(services, old, id, replacement)
  const moved = db.$with('moved').as(
    db
      .update(workspaces)
      .set({ diskId: newId, updatedAt: services.now() })
      .where(and(eq(workspaces.id, id), eq(workspaces.diskId, old.id), where))
      .returning({ id: workspaces.id }),
  )
  await db
    .with(moved, ...withs)
    .select({ id: moved.id })
    .from(moved)
  services.invalidate(id)
}

/**
 * The parts of a statement that points the workspace to the new disk in a CTE `moved`: they release the old disk, store
 * the new one, and append the event. A disk without data is deleted. One that no machine ever had is kept until the new
 * one is a copy of it; any other is kept for a while.
 */
export function replacementParts(
  services: ReplaceContext,
  old: Disk,
  id: string,
  { cause, dataFrom, region, sizeGb, source }: Replacement,
): { newId: string; withs: WithSubquery[] } {
  const { config, db } = services
  const now = services.now()
  const at = sql`${now.toISOString()}::timestamptz`
  const newId = newDiskId()
  const until = daysAfter(now, Math.max(REPLACED_DISK_DAYS, config.disks.retentionDays))
  const isCopied = source.kind !== 'empty' && source.disk_id === old.id
  const released = db.$with('released', {}).as(
    sql`update ${disks} set workspace_id = null, replaced_by = ${newId}, retained_at = ${at}, retained_reason = 'replaced',
          retained_until = case when mounted_at is null and ${isCopied}::boolean then ${at} else ${until.toISOString()}::timestamptz end,
          state = case when state = 'wanted' then 'gone'
            when mounted_at is null and (state <> 'ready' or source ->> 'kind' = 'empty') then 'deleting' else state end
        where id = ${old.id} and workspace_id = ${id}::uuid and exists (select from moved) returning id, size_gb`,
  )
  const made = db.$with('made', {}).as(
    sql`insert into ${disks} (id, workspace_id, made_for, state, size_gb, source, app, region, inserted_at)
        select ${newId}, ${id}::uuid, ${id}::uuid, 'wanted', greatest(size_gb, ${sizeGb ?? 0}::int), ${JSON.stringify(source)}::jsonb, ${old.app}, ${region}, ${at}
        from released returning id, made_for, volume_id, region, size_gb`,
  )
  const age = dataFrom === null ? null : Math.round((now.getTime() - dataFrom.getTime()) / 1000)
  const logged = appendDiskEvents(services, 'made', now, {
    event: 'disk_replaced',
    payload: {
      replaces: old.id,
      cause,
      data_from: dataFrom?.toISOString() ?? null,
      data_age_seconds: age === null ? null : Math.max(0, age),
      kept_until: hasData(old) && (old.mountedAt !== null || !isCopied) ? until.toISOString() : null,
    },
  })
  return { newId, withs: [released, made, logged] }
}
