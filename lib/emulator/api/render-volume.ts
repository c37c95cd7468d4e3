// Volumes and snapshots in the JSON shapes of the API (docs/facts/fly.md §2.7).

import type { Runtime } from '../machines/runtime.ts'
import type { SnapshotRecord, VolumeRecord } from '../store/records.ts'

const BLOCK_SIZE = 4096
const GIGABYTE = 1024 ** 3
/** The zero of Go's time, which flyctl shows as an empty cell. */
const NO_TIME = '0001-01-01T00:00:00Z'

/** @param summary leaves out how full the volume is */
export function renderVolume(
  runtime: Runtime,
  volume: VolumeRecord,
  summary = false,
): Record<string, unknown> {
  const total = volume.sizeGb * GIGABYTE
  const blocks = Math.floor(total / BLOCK_SIZE)
  const free = blocks - Math.ceil(volume.usedBytes / BLOCK_SIZE)
  return {
    id: volume.id,
    name: volume.name,
    state: volume.state,
    size_gb: volume.sizeGb,
    region: volume.region,
    zone: volume.zone,
    encrypted: volume.encrypted,
    attached_machine_id: volume.attachedMachineId ?? null,
    attached_alloc_id: null,
    created_at: new Date(volume.createdAt).toISOString(),
    fstype: volume.fstype,
    snapshot_retention: volume.snapshotRetention,
    auto_backup_enabled: volume.autoBackupEnabled,
    host_status: runtime.faults.volumeUnreachable(volume) ? 'unreachable' : 'ok',
    ...(summary
      ? {}
      : {
          block_size: BLOCK_SIZE,
          blocks,
          blocks_free: free,
          blocks_avail: free,
          bytes_used: volume.usedBytes,
          bytes_total: total,
        }),
  }
}

/** A snapshot has no id while it waits, and no time while it runs: flyctl shows such rows. */
export const renderSnapshot = (snapshot: SnapshotRecord): Record<string, unknown> => ({
  id: snapshot.status === 'waiting' ? '' : snapshot.id,
  status: snapshot.status,
  size: snapshot.sizeBytes,
  volume_size: snapshot.volumeSizeGb * GIGABYTE,
  digest: '',
  created_at:
    snapshot.status === 'created'
      ? new Date(snapshot.takenAt ?? snapshot.requestedAt).toISOString()
      : NO_TIME,
  retention_days: snapshot.retentionDays,
})

/** A row of `GET /v1/orgs/{slug}/volumes`. */
export const renderOrgVolume = (
  runtime: Runtime,
  volume: VolumeRecord,
  summary: boolean,
): Record<string, unknown> => ({
  ...renderVolume(runtime, volume, summary),
  app_name: volume.app,
  updated_at: new Date(volume.updatedAt).toISOString(),
})
