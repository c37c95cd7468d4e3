// The row of a disk that a workspace wants and that was not asked for yet.
import { sql } from 'drizzle-orm'
import { disks, type DiskSource, workspaces } from '../../drizzle/schema/index.ts'
import type { Store } from '../platform/context.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import { newDiskId } from './disk-names.ts'

export const newDisk = (
  workspaceId: string,
  now: Date,
  wanted: { sizeGb: number; source?: DiskSource; app?: string | null; region?: string | null },
): Disk => ({
  id: newDiskId(),
  workspaceId,
  madeFor: workspaceId,
  state: 'wanted',
  sizeGb: wanted.sizeGb,
  source: wanted.source ?? { kind: 'empty' },
  app: wanted.app ?? null,
  region: wanted.region ?? null,
  volumeId: null,
  requestedAt: null,
  createdAt: null,
  mountedAt: null,
  providerState: null,
  usedBytes: null,
  snapshots: null,
  snapshotBytes: null,
  seenAt: null,
  absentSince: null,
  lastFailure: null,
  retainedAt: null,
  retainedReason: null,
  retainedUntil: null,
  replacedBy: null,
  deletedAt: null,
  insertedAt: now,
})

/** Gives a workspace without a disk one; its next machine has it. Two at once give it one. */
export async function addDisk({ db }: Store, disk: Disk): Promise<void> {
  const { id, insertedAt, sizeGb, source, workspaceId } = disk
  await db.execute(sql`
    with pointed as (
      update ${workspaces} set disk_id = ${id}
      where id = ${workspaceId}::uuid and disk_id is null and status <> 'removed' returning id
    )
    insert into ${disks} (id, workspace_id, made_for, state, size_gb, source, inserted_at)
    select ${id}, id, id, 'wanted', ${sizeGb}::int, ${JSON.stringify(source)}::jsonb, ${insertedAt.toISOString()}::timestamptz
    from pointed`)
}
