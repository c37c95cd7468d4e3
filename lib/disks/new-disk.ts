// The row of a disk that a workspace wants and that was not asked for yet.
import { type Placeholder, type SQL, sql } from 'drizzle-orm'
import { disks, type DiskSource } from '../../drizzle/schema/index.ts'
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
  looks: 0,
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

/** Disks for {@link insertDisks}, as JSON. */
export const diskRecords = (disks: Disk[]) => JSON.stringify(disks)

/**
 * The part of a statement that stores new disks for the workspaces that another part creates or changes, if those point to them.
 * @param source the CTE with the workspaces
 */
export const insertDisks = (source: string, records: string | Placeholder): SQL => {
  const owner = sql.identifier(source)
  return sql`insert into ${disks} (id, workspace_id, made_for, state, size_gb, source, app, region, inserted_at)
      select disk.id, ${owner}.id, ${owner}.id, 'wanted', disk."sizeGb", disk.source, disk.app, disk.region, disk."insertedAt"
      from ${owner}, jsonb_to_recordset(${records}::jsonb)
        as disk(id text, "sizeGb" int, source jsonb, app text, region text, "insertedAt" timestamptz)
      where ${owner}.disk_id = disk.id
      returning id`
}
