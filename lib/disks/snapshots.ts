// Snapshots of disks: the provider keeps them, and says which there are. Their ids name the disk too, because a provider
// lists snapshots by disk only.
import { disks, type DiskSource } from '../../drizzle/schema/index.ts'
import { eq } from 'drizzle-orm'
import type { ChangeContext } from '../lifecycle/transition.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import type { Core } from '../platform/context.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { pollUntil } from '../platform/poll.ts'
import type { DiskSnapshot } from '../provisioner/disks.ts'
import { changeDisk } from './change-disk.ts'
import type { DiskContext } from './context.ts'
import { getDisk } from './list-disks.ts'
import { refuseRequest } from '../provisioner/request-error.ts'
import { assertCopies } from './assert-copies.ts'

/** A snapshot with the disk that it is of. */
export type SnapshotOf = { disk: Disk; snapshot: DiskSnapshot }

/** Null for a snapshot that is being taken: the provider gives it its id at the end. */
export const snapshotId = ({ disk, snapshot }: SnapshotOf): string | null =>
  snapshot.id === '' ? null : `${disk.id}.${snapshot.id}`

/** @throws DomainError `conflict` for a disk that was never made */
function refOf({ app, id, volumeId }: Disk) {
  if (volumeId === null) {
    throw new DomainError('conflict', `the disk ${id} is not made yet: it has no snapshots`)
  }
  return { app: app ?? '', id: volumeId }
}

/** Newest first. The disk stores how many there are. @throws DomainError `conflict`, `unavailable` */
export async function listSnapshots(services: DiskContext, disk: Disk): Promise<SnapshotOf[]> {
  const snapshots = await services.provisioner.listSnapshots(refOf(disk)).catch(refuseRequest)
  const snapshotBytes = snapshots.reduce((sum, { bytes = 0 }) => sum + bytes, 0)
  if (snapshots.length !== disk.snapshots || snapshotBytes !== disk.snapshotBytes) {
    const counted = { snapshots: snapshots.length, snapshotBytes }
    await services.db.update(disks).set(counted).where(eq(disks.id, disk.id))
  }
  return snapshots.map((snapshot) => ({ disk, snapshot }))
}

/**
 * Requests a snapshot of a disk.
 *
 * @param waitSeconds how long to wait until it can be used
 * @returns the new snapshot as far as it is known; undefined before the provider shows it
 * @throws DomainError `conflict` for a disk that is not ready; `not_implemented`; `unavailable`
 */
export async function takeSnapshot(
  services: DiskContext & ChangeContext & Core,
  disk: Disk,
  waitSeconds: number,
): Promise<SnapshotOf | undefined> {
  assertCopies(services.provisioner)
  if (disk.state !== 'ready') {
    throw new DomainError('conflict', `the disk is ${disk.state}: a snapshot needs a disk that is ready`)
  }
  const ref = refOf(disk)
  const known = new Set((await listSnapshots(services, disk)).map(({ snapshot }) => snapshot.id))
  await services.provisioner.takeSnapshot(ref).catch(refuseRequest)
  await changeDisk(services, {
    id: disk.id,
    now: services.now(),
    changes: { seenAt: services.now() },
    logs: { event: 'snapshot_taken', payload: {} },
  })
  let taken: SnapshotOf | undefined
  const look = async (own: DiskContext) => {
    taken = (await listSnapshots(own, disk)).find(({ snapshot }) => !known.has(snapshot.id))
    return taken?.snapshot.isUsable === true
  }
  if ((await look(services)) || waitSeconds === 0) return taken
  await pollUntil(services, { timeoutMs: waitSeconds * 1000, signal: undefined }, look)
  return taken
}

/**
 * @throws DomainError `invalid_input` naming the field, `conflict` for a snapshot that is not usable yet,
 *   `not_implemented`
 */
export async function findSnapshot(services: DiskContext, id: string, field: string): Promise<SnapshotOf> {
  assertCopies(services.provisioner)
  const [, diskId, snapshot] = /^(disk_[a-z2-7]{16})\.(\S{1,128})$/.exec(id) ?? []
  if (diskId === undefined) {
    throw invalidField(field, 'is no id of a snapshot; GET /workspaces/{id}/snapshots lists them')
  }
  const disk = await getDisk(services.db, diskId).catch((error: unknown) => {
    throw error instanceof DomainError ? invalidField(field, 'there is no such disk') : error
  })
  const found = (await listSnapshots(services, disk)).find((one) => one.snapshot.id === snapshot)
  if (found === undefined) throw invalidField(field, 'there is no such snapshot; it may have expired')
  if (!found.snapshot.isUsable) {
    throw new DomainError('conflict', `the snapshot is ${found.snapshot.state}: wait until it is created`)
  }
  return found
}

export const sourceOf = ({ disk, snapshot }: SnapshotOf): DiskSource => ({
  kind: 'snapshot',
  disk_id: disk.id,
  snapshot_id: snapshot.id,
  taken_at: snapshot.createdAt.toISOString(),
})
