// Deletes disks that no workspace owns: on request, or when their time is over. First the deletion is stored, then the
// provider is asked until it no longer knows the disk.
import { and, eq, inArray, isNull, lte, sql } from 'drizzle-orm'
import { disks } from '../../drizzle/schema/index.ts'
import type { ChangeContext } from '../lifecycle/transition.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import type { Core, Store } from '../platform/context.ts'
import { readControlPlaneId } from '../platform/control-plane-id.ts'
import { DomainError } from '../platform/errors.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'
import { changeDisk } from './change-disk.ts'
import type { DiskContext } from './context.ts'
import { volumeName } from './disk-names.ts'
import { getDisk } from './list-disks.ts'
import { copiesText, isNeeded, pendingCopies } from './needed.ts'
import { isCreateOver, ONE_MORE_LOOK } from './settled.ts'

/** Disks that one pass deletes: a mistake must not empty an account unnoticed. */
const MOST_PER_PASS = 10

/** Requests for one disk. */
const COST = 4

/**
 * Marks a retained disk for deletion.
 * @throws DomainError `not_found`; `conflict` when a workspace owns it, or a copy of it is being made
 */
export async function requestDeletion(services: ChangeContext & DiskContext, id: string): Promise<Disk> {
  const changed = await changeDisk(services, {
    id,
    now: services.now(),
    where: and(
      isNull(disks.workspaceId),
      inArray(disks.state, ['ready', 'missing', 'deleting']),
      sql`not ${isNeeded}`,
    ),
    changes: { state: 'deleting' },
  })
  if (changed !== undefined) return changed
  const disk = await getDisk(services.db, id)
  if (disk.state === 'gone') return disk
  throw new DomainError('conflict', await whyKept(services, disk), {
    details: { workspace_id: disk.workspaceId },
  })
}

async function whyKept(services: Store, { id, workspaceId }: Disk): Promise<string> {
  if (workspaceId !== null) {
    return `the disk belongs to workspace ${workspaceId}: remove that workspace, or give it another disk`
  }
  const copies = copiesText(await pendingCopies(services, id))
  return `a copy of this disk is still to be made: ${copies} needs it. Wait until it is ready, or remove that workspace`
}

/** Marks the retained disks whose time is over, and deletes what is marked. */
export async function deleteExpiredDisks(services: Core & DiskContext): Promise<void> {
  const now = services.now()
  await services.db
    .update(disks)
    .set({ state: 'deleting' })
    .where(
      and(
        isNull(disks.workspaceId),
        inArray(disks.state, ['ready', 'missing']),
        lte(disks.retainedUntil, now),
        sql`not ${isNeeded}`,
      ),
    )
  await deleteMarkedDisks(services)
}

/** Asks the provider to delete marked disks, and records those that are gone. */
export async function deleteMarkedDisks(services: Core & DiskContext): Promise<void> {
  const marked = await services.db
    .select()
    .from(disks)
    .where(isMarked)
    // Those that cannot be deleted now, such as those of a lost host, must not keep the others waiting.
    .orderBy(sql`random()`)
    .limit(MOST_PER_PASS)
  for (const disk of marked) {
    if (services.budget.left() < COST) return
    try {
      await deleteMarkedDisk(services, disk)
    } catch (error) {
      if (!(error instanceof ProvisionError)) throw error
      const { code, message } = error.problem
      services.log('warn', 'a disk could not be deleted', { disk_id: disk.id, code, detail: message })
    }
  }
}

const isMarked = and(eq(disks.state, 'deleting'), isNull(disks.workspaceId))

async function deleteMarkedDisk(services: Core & DiskContext, disk: Disk): Promise<void> {
  const { db, provisioner } = services
  const now = services.now()
  const app = disk.app ?? ''
  let id = disk.volumeId
  if (id === null) {
    const name = await volumeName((await readControlPlaneId(db)) ?? '', disk.id)
    const found = await provisioner.findDisk(app, name)
    if (found.presence === 'unknown') return
    if (found.presence === 'absent') {
      const looked = await changeDisk(services, { id: disk.id, now, where: isMarked, changes: ONE_MORE_LOOK })
      if (looked === undefined || !isCreateOver(looked, now)) return
    } else {
      id = found.disk.id
    }
  }
  if (id !== null) {
    const { gone } = await provisioner.deleteDisk({ app, id })
    const observed = gone ? undefined : await provisioner.observeDisk({ app, id })
    const isGone =
      observed === undefined ||
      observed.presence === 'absent' ||
      (observed.presence === 'present' && observed.disk.phase === 'gone')
    if (!isGone) return
  }
  await changeDisk(services, {
    id: disk.id,
    now,
    where: isMarked,
    changes: { state: 'gone', deletedAt: now },
    ...(id === null ? {} : { logs: { event: 'disk_deleted', payload: {} } }),
  })
}
