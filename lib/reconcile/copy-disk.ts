// Steps that give a workspace a copy of its disk: on another host of the region, in another region, or from a snapshot.
// The workspace gets the new disk at once, in the state `wanted`; the steps of act-disk.ts then make it.
import { eq, sql } from 'drizzle-orm'
import { disks, type DiskSource, type StoredReason, workspaces } from '../../drizzle/schema/index.ts'
import { deleteMarkedDisks } from '../disks/delete-disks.ts'
import { copyOf, hasData, replaceDisk, type Replacement, replacementParts } from '../disks/replace-disk.ts'
import { provisionDeadline } from '../lifecycle/deadline.ts'
import { isTransient } from '../lifecycle/lifecycle.ts'
import { transition } from '../lifecycle/transition.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import type { DiskSnapshot } from '../provisioner/disks.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from './context.ts'
import { loseDisk, setDisk, type WithDisk } from './disk-row.ts'
import { newGeneration } from './new-generation.ts'
import { NO_MACHINE } from './no-machine.ts'
import { problemReason } from './machine-reasons.ts'
import { CONTINUE, type StepResult } from './step-result.ts'

/** Pause between tries to find a host for an empty disk. */
const RETRY_MS = 10_000

/** Pause between looks for a snapshot of a disk whose host may still come back. */
const NO_SNAPSHOT_MS = 60_000

/** How long a full host, and a full region, are waited for before the disk is copied to another one. */
const WAIT_FOR_MS = { disk_host_full: 10_000, no_capacity: 60_000 }

const replace = async (
  services: ReconcileContext,
  row: WithDisk,
  replacement: Replacement,
): Promise<StepResult> => {
  await replaceDisk(services, row, replacement, sql`${workspaces.leaseId} = ${row.leaseId}::uuid`)
  return CONTINUE
}

/**
 * The machine does not fit beside its disk: wait, then copy the disk to another host of its region or, where the region
 * is full and others are wanted too, to another region. The same follows when a copy does not fit into its region. An empty disk needs
 * no wait.
 */
export async function onNoRoom(
  services: ReconcileContext,
  row: WithDisk,
  error: ProvisionError,
): Promise<StepResult> {
  const { disk } = row
  const { code } = error.problem
  if (code !== 'disk_host_full' && (code !== 'no_capacity' || row.regions.length === 1)) throw error
  const now = services.now()
  const last = disk.lastFailure
  const since =
    last?.code === code && new Date(last.at) >= row.statusChangedAt ? new Date(last.at) : undefined
  if (since === undefined) {
    await setDisk(services, row, { lastFailure: { ...problemReason(error.problem), at: now.toISOString() } })
  }
  const waited = now.getTime() - (since ?? now).getTime()
  const isCopy = code === 'no_capacity' && disk.source.kind !== 'empty'
  if ((hasData(disk) || isCopy) && waited < WAIT_FOR_MS[code]) throw error
  const replaced = await replaceForRoom(services, row, code)
  if (hasData(disk) || code === 'no_capacity') return replaced
  // The next disk may meet a full host too: the one before goes first, and the pauses keep the number of tries small.
  await deleteMarkedDisks(services)
  return { next: 'wait', ms: RETRY_MS, failed: true }
}

function replaceForRoom(
  services: ReconcileContext,
  row: WithDisk,
  code: 'disk_host_full' | 'no_capacity',
): Promise<StepResult> {
  const { disk } = row
  return code === 'disk_host_full'
    ? replace(services, row, {
        source: copyOf(disk, true),
        region: disk.region,
        cause: 'host_full',
        dataFrom: null,
      })
    : moveDisk(services, row)
}

/** The regions of the workspace have changed. */
export const moveDisk = (services: ReconcileContext, row: WithDisk): Promise<StepResult> =>
  replace(services, row, { source: copyOf(row.disk, false), region: null, cause: 'moved', dataFrom: null })

/**
 * Restores the newest snapshot. A machine on a host that does not answer is left behind: it keeps its name and the lost
 * disk, and is destroyed as an orphan when its host is back.
 *
 * @returns undefined when there is no snapshot of a disk that is gone
 */
export async function restoreLostDisk(
  services: ReconcileContext,
  row: WithDisk,
  reason: StoredReason,
): Promise<StepResult | undefined> {
  const { disk } = row
  const newest = (await snapshotsOf(services, disk)).find(({ isUsable }) => isUsable)
  if (newest === undefined) return row.launchId === null ? undefined : { next: 'wait', ms: NO_SNAPSHOT_MS }
  const source: DiskSource = {
    kind: 'snapshot',
    disk_id: disk.id,
    snapshot_id: newest.id,
    taken_at: newest.createdAt.toISOString(),
  }
  const replacement: Replacement = { source, region: null, cause: 'host_lost', dataFrom: newest.createdAt }
  if (row.launchId === null) return replace(services, row, replacement)
  const now = services.now()
  const { newId, withs } = replacementParts(services, disk, row.id, replacement)
  const minutes = Math.round((now.getTime() - newest.createdAt.getTime()) / 60_000)
  const restored = {
    ...reason,
    message: `${reason.message} Its disk is restored from a snapshot that is ${minutes} minutes old.`,
  }
  await transition(services, {
    id: row.id,
    event: 'machine_lost',
    now,
    fence: { generation: row.generation, machineId: row.machineId },
    changes: {
      ...NO_MACHINE,
      ...newGeneration(services, row),
      diskId: newId,
      machineSeries: row.machineSeries + 1,
      machineState: null,
      reason: restored,
    },
    where: eq(workspaces.diskId, disk.id),
    withs,
    payload: { machine_id: row.machineId, reason: restored },
  })
  return CONTINUE
}

async function snapshotsOf(
  { provisioner }: ReconcileContext,
  { app, volumeId }: Disk,
): Promise<DiskSnapshot[]> {
  if (volumeId === null) return []
  try {
    return await provisioner.listSnapshots({ app: app ?? '', id: volumeId })
  } catch (error) {
    if (error instanceof ProvisionError && error.problem.code === 'disk_not_found') return []
    throw error
  }
}

/** When a snapshot that did not appear is requested again, and how long it and the copy may take in all. */
const TAKE_AGAIN_MS = 60_000
const COPY_WITHIN_MS = 3_600_000

/**
 * Takes the snapshot that the disk starts from. The known snapshots are stored before it is requested, so the first one
 * that is not among them is new, whatever the clocks say.
 */
export async function takeSnapshot(services: ReconcileContext, row: WithDisk): Promise<StepResult> {
  const { db, provisioner } = services
  const { disk } = row
  const { source } = disk
  if (source.kind !== 'snapshot' || source.snapshot_id !== null) return CONTINUE
  const [copied] = await db.select().from(disks).where(eq(disks.id, source.disk_id))
  if (copied?.volumeId == null || copied.state === 'gone') return loseDisk(services, row)
  const ref = { app: copied.app ?? '', id: copied.volumeId }
  const listed = await provisioner.listSnapshots(ref)
  const known = source.known ?? listed.map(({ id }) => id)
  if (source.known === null) await setDisk(services, row, { source: { ...source, known } })
  const fresh = listed.find(({ id }) => !known.includes(id))
  if (fresh?.isUsable === true) {
    const taken = { snapshot_id: fresh.id, taken_at: fresh.createdAt.toISOString() }
    await setDisk(services, row, {
      source: { kind: 'snapshot', disk_id: copied.id, ...taken, for_copy: true },
      requestedAt: null,
    })
    return CONTINUE
  }
  const now = services.now()
  const waited = disk.requestedAt === null ? Infinity : now.getTime() - disk.requestedAt.getTime()
  if (fresh === undefined && waited >= TAKE_AGAIN_MS) {
    await provisioner.takeSnapshot(ref)
    await setDisk(services, row, { requestedAt: now })
  }
  await extendDeadline(services, row, now)
  return { next: 'wait', ms: 2_000 }
}

/**
 * A create from a snapshot was refused. The provider keeps snapshots for some days, and a workspace may have been paused for
 * longer: then one that was taken for this disk is taken again.
 * @returns undefined when the snapshot exists
 */
export async function onSnapshotGone(
  services: ReconcileContext,
  row: WithDisk,
): Promise<StepResult | undefined> {
  const { source } = row.disk
  if (source.kind !== 'snapshot') return undefined
  const [copied] = await services.db.select().from(disks).where(eq(disks.id, source.disk_id))
  const listed = copied === undefined ? [] : await snapshotsOf(services, copied)
  if (listed.some(({ id }) => id === source.snapshot_id)) return undefined
  if (!('for_copy' in source)) return loseDisk(services, row)
  await setDisk(services, row, {
    source: { kind: 'snapshot', disk_id: source.disk_id, snapshot_id: null, known: null },
    requestedAt: null,
  })
  return CONTINUE
}

/** A large snapshot or copy takes minutes: the deadline of provisioning counts from its end, within an hour. */
export async function extendDeadline(
  { config, db }: ReconcileContext,
  row: WithDisk,
  now: Date,
): Promise<void> {
  const isLate = now.getTime() - row.statusChangedAt.getTime() > COPY_WITHIN_MS
  if (!isTransient(row.status) || row.deadlineAt === null || isLate) return
  await db
    .update(workspaces)
    .set({ deadlineAt: provisionDeadline(config, row.runtime, now) })
    .where(sql`${workspaces.id} = ${row.id}::uuid and ${workspaces.leaseId} = ${row.leaseId}::uuid`)
}
