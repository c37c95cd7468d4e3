// Disks in responses: as a member of their workspace, and by themselves.
import { z } from '@hono/zod-openapi'
import { type Disk, DISK_STATES } from '../../../lib/lifecycle/workspace.ts'
import type { DiskProvisioner } from '../../../lib/provisioner/disks.ts'
import { priceOf } from '../../../lib/provisioner/prices.ts'
import { described } from '../../../lib/platform/described.ts'
import { boundedText } from '../../../lib/platform/postgres-text.ts'
import { nullableTimestamp } from '../../http/openapi.ts'

export const DiskParam = z.object({
  disk: boundedText()
    .max(64)
    .openapi({ param: { name: 'disk', in: 'path' } }),
})

const shared = described(() => ({
  id: z.string(),
  size_gb: z.int(),
  used_gb: z.number().nullable().describe('As the provider last reported it.'),
  region: z.string().nullable(),
  state: z.enum(DISK_STATES),
  snapshots: z.int().nullable().describe('How many there were when they were last listed.'),
  usd_per_month: z
    .number()
    .nullable()
    .describe('An estimate for 30 days, without snapshots; null where disks have no price.'),
}))

export const WorkspaceDisk = described(() =>
  z.object({ ...shared, path: z.string() }).openapi('WorkspaceDisk'),
)

export const DiskView = described(() =>
  z
    .object({
      ...shared,
      workspace_id: z.uuid().nullable().describe('Its workspace; null for a disk that is kept without one.'),
      made_for: z.uuid(),
      app: z.string().nullable(),
      volume_id: z.string().nullable(),
      source: z.looseObject({ kind: z.enum(['empty', 'disk', 'snapshot']) }).describe('What it was made of.'),
      created_at: nullableTimestamp,
      retained_at: nullableTimestamp,
      retained_reason: z.enum(['workspace_removed', 'replaced', 'copy_wanted']).nullable(),
      retained_until: nullableTimestamp.describe('When it is deleted; null: only on request.'),
      replaced_by: z.string().nullable(),
      deleted_at: nullableTimestamp,
    })
    .openapi('Disk'),
)

/** Bytes. */
export const GB = 1024 ** 3

const PAID: readonly Disk['state'][] = ['creating', 'ready', 'deleting']

function sharedOf({ prices }: Pick<DiskProvisioner, 'prices'>, disk: Disk) {
  return {
    id: disk.id,
    size_gb: disk.sizeGb,
    used_gb: disk.usedBytes === null ? null : Math.round((disk.usedBytes / GB) * 100) / 100,
    region: disk.region,
    state: disk.state,
    snapshots: disk.snapshots,
    usd_per_month: priceOf(prices, ({ perGb }) => (PAID.includes(disk.state) ? disk.sizeGb * perGb : 0)),
  }
}

export const toWorkspaceDisk = (
  provisioner: Pick<DiskProvisioner, 'prices'>,
  disk: Disk,
  path: string,
): z.infer<typeof WorkspaceDisk> => ({ ...sharedOf(provisioner, disk), path })

export function toDiskView(
  provisioner: Pick<DiskProvisioner, 'prices'>,
  disk: Disk,
): z.infer<typeof DiskView> {
  const at = (date: Date | null) => date?.toISOString() ?? null
  return {
    ...sharedOf(provisioner, disk),
    workspace_id: disk.workspaceId,
    made_for: disk.madeFor,
    app: disk.app,
    volume_id: disk.volumeId,
    source: disk.source,
    created_at: at(disk.createdAt),
    retained_at: at(disk.retainedAt),
    retained_reason: disk.retainedReason,
    retained_until: at(disk.retainedUntil),
    replaced_by: disk.replacedBy,
    deleted_at: at(disk.deletedAt),
  }
}
