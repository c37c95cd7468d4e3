// Grows a disk at the provider, and stores its new size. Growing to a size can be repeated, so a lost answer is answered
// by the next request for the same size.
import { eq, sql } from 'drizzle-orm'
import { disks } from '../../drizzle/schema/index.ts'
import type { ChangeContext } from '../lifecycle/transition.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { changeDisk } from './change-disk.ts'
import type { DiskContext } from './context.ts'
import { refuseRequest } from '../provisioner/request-error.ts'

/** @throws DomainError `invalid_input` for a smaller size; `conflict` for a disk that is not ready */
export function checkGrowth(disk: Disk, sizeGb: number): void {
  if (sizeGb < disk.sizeGb) {
    throw invalidField('disk_gb', `the disk has ${disk.sizeGb} GB and cannot shrink: give a larger size`)
  }
  if (disk.state !== 'wanted' && (disk.state !== 'ready' || disk.volumeId === null)) throw notReady(disk)
}

const notReady = ({ state }: Disk) =>
  new DomainError('conflict', `the disk is ${state}: it can grow when it is ready`)

const replacedMeanwhile = () =>
  new DomainError(
    'conflict',
    'the disk was replaced or removed meanwhile: read the workspace and repeat the request',
  )

/**
 * @returns whether a running machine sees the new size only after a restart
 * @throws DomainError `invalid_input` for a smaller size; `conflict` for a disk that is not ready, or was replaced
 *   meanwhile; `unavailable`
 */
export async function growDisk(
  services: DiskContext & ChangeContext,
  disk: Disk,
  sizeGb: number,
): Promise<{ needsRestart: boolean }> {
  const now = services.now()
  if (sizeGb === disk.sizeGb) return { needsRestart: false }
  checkGrowth(disk, sizeGb)
  const store = (needsRestart: boolean, from: 'wanted' | 'ready') =>
    changeDisk(services, {
      id: disk.id,
      now,
      where: eq(disks.state, from),
      changes: { sizeGb: sql`greatest(${disks.sizeGb}, ${sizeGb}::int)` },
      logs: { event: 'disk_grown', payload: { needs_restart: needsRestart } },
    })
  if (disk.state === 'wanted' && (await store(false, 'wanted')) !== undefined) return { needsRestart: false }
  if (disk.state !== 'ready' || disk.volumeId === null) throw notReady(disk)
  const ref = { app: disk.app ?? '', id: disk.volumeId }
  const { needsRestart } = await services.provisioner.growDisk(ref, sizeGb).catch(refuseRequest)
  const grown = await store(needsRestart, 'ready')
  if (grown?.workspaceId !== disk.workspaceId) throw replacedMeanwhile()
  return { needsRestart }
}
