// Snapshots of volumes: `waiting`, `running`, `created`, kept for their retention, also when their volume is gone
// (docs/facts/fly.md §2.7).

import * as refusals from './volume-errors.ts'
import { snapshotId } from '../shared/ids.ts'
import type { Runtime } from '../machines/runtime.ts'
import type { SnapshotRecord, VolumeRecord } from '../store/records.ts'

const DAY_MS = 24 * 3_600_000

export const isKept = ({ takenAt, retentionDays }: SnapshotRecord, now: number): boolean =>
  takenAt === undefined || now - takenAt < retentionDays * DAY_MS

/** A snapshot that a volume can be made from. */
export function findSnapshot(
  volumes: VolumeRecord[],
  id: string,
  now: number,
): { volume: VolumeRecord; snapshot: SnapshotRecord } | undefined {
  for (const volume of volumes) {
    const snapshot = volume.snapshots.find((one) => one.id === id)
    if (snapshot?.status === 'created' && isKept(snapshot, now)) return { volume, snapshot }
  }
  return undefined
}

export type Snapshots = {
  /** Those that are kept, newest first. */
  of(volume: VolumeRecord): SnapshotRecord[]
  /** @throws FlyError 412 while another one is being taken, or when the volume is not ready */
  take(volume: VolumeRecord): void
  removeAll(volume: VolumeRecord): Promise<void>
  /** Continues what a restart of the emulator interrupted. */
  recover(volume: VolumeRecord): void
}

export function createSnapshots(runtime: Runtime, changed: (volume: VolumeRecord) => void): Snapshots {
  const { disks } = runtime.host

  function of(volume: VolumeRecord): SnapshotRecord[] {
    const over = volume.snapshots.filter((one) => !isKept(one, runtime.now()))
    if (over.length > 0) {
      volume.snapshots = volume.snapshots.filter((one) => !over.includes(one))
      changed(volume)
      for (const { id } of over) void disks.removeSnapshot(id)
    }
    return volume.snapshots.toSorted((a, b) => b.requestedAt - a.requestedAt)
  }

  async function run(volume: VolumeRecord, snapshot: SnapshotRecord): Promise<void> {
    const step = (): Promise<void> =>
      runtime.sleep(runtime.timings.snapshotMs + runtime.faults.snapshotDelay(volume))
    await step()
    await disks.takeSnapshot(volume.id, snapshot.id)
    snapshot.takenAt = runtime.now()
    snapshot.status = 'running'
    changed(volume)
    await step()
    snapshot.sizeBytes = await disks.usedBytes(volume.id)
    snapshot.status = 'created'
    changed(volume)
  }

  function begin(volume: VolumeRecord, snapshot: SnapshotRecord): void {
    run(volume, snapshot).catch((error: unknown) => {
      runtime.log(`snapshot of ${volume.id}: ${String(error)}`)
      volume.snapshots = volume.snapshots.filter((one) => one !== snapshot)
      changed(volume)
    })
  }

  return {
    of,
    take(volume) {
      const busy = volume.snapshots.find(({ status }) => status !== 'created')
      if (busy !== undefined) throw refusals.snapshotScheduled(busy.requestedAt)
      if (!['created', 'hydrating', 'extending'].includes(volume.state)) throw refusals.notReady(volume)
      const snapshot: SnapshotRecord = {
        id: snapshotId(),
        status: 'waiting',
        requestedAt: runtime.now(),
        sizeBytes: 0,
        volumeSizeGb: volume.sizeGb,
        retentionDays: volume.snapshotRetention,
      }
      volume.snapshots.push(snapshot)
      changed(volume)
      begin(volume, snapshot)
    },
    async removeAll(volume) {
      for (const { id } of volume.snapshots) await disks.removeSnapshot(id)
      volume.snapshots = []
    },
    recover(volume) {
      for (const snapshot of volume.snapshots) if (snapshot.status !== 'created') begin(volume, snapshot)
    },
  }
}
