// Carries out the steps about disks. The intent is stored first, then the provider is called, then its answer is stored.
// Names of volumes are not unique, so a create whose answer was lost is looked for before another one is sent.
import { and, eq, sql } from 'drizzle-orm'
import { disks, workspaces } from '../../drizzle/schema/index.ts'
import { changeDisk } from '../disks/change-disk.ts'
import { volumeName } from '../disks/disk-names.ts'
import { hasContent, keepDisks } from '../disks/keep-disks.ts'
import { isNeeded, isNeededByOneAtRest } from '../disks/needed.ts'
import { isCreateOver, LOOK_AGAIN_MS, ONE_MORE_LOOK } from '../disks/settled.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import { type Tier, TIERS } from '../machines/machine-spec.ts'
import type { DiskInput, ProviderDisk } from '../provisioner/disks.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from './context.ts'
import { extendDeadline, onNoRoom, onSnapshotGone } from './copy-disk.ts'
import { holdsItsLease, loseDisk, setDisk, type WithDisk } from './disk-row.ts'
import { waitForProvider } from './decide-started.ts'
import { takePermit, takeTurn } from './launch-pace.ts'
import { problemReason } from './machine-reasons.ts'
import { repeatAfter } from './end-run.ts'
import { ABSENCE_MS } from './observation.ts'
import { recordFailure } from './refusal.ts'
import { chooseRegion, readHealth, recordNoCapacity } from './region-health.ts'
import { CONTINUE, type Run, type StepResult } from './step-result.ts'

/** @throws ProvisionError */
export async function createDisk(services: ReconcileContext, row: WithDisk, run: Run): Promise<StepResult> {
  const { db, provisioner } = services
  const { disk } = row
  const origin = await originOf(services, disk)
  if (origin === 'lost') return loseDisk(services, row)
  const now = services.now()
  const turn = await takeTurn(services, row, run)
  if (turn.isReleased) return { next: 'released' }
  if (turn.at > now) return { next: 'wait', ms: turn.at.getTime() - now.getTime() }
  const permit = await takePermit(services, turn.app, now, 'disks')
  if (permit.retryMs !== undefined) return { next: 'wait', ms: permit.retryMs }
  const fixed = disk.region ?? undefined
  const choice =
    fixed === undefined
      ? await chooseRegion(db, row.regions, await readHealth(db, row.regions), now)
      : { region: fixed }
  if ('openUntil' in choice) return { next: 'wait', ms: choice.openUntil.getTime() - now.getTime() }

  const { region } = choice
  const begun = await changeDisk(services, {
    id: disk.id,
    now,
    where: sql`${disks.state} = 'wanted' and ${holdsItsLease(row)}`,
    changes: {
      state: 'creating',
      app: turn.app,
      region,
      requestedAt: now,
      looks: 0,
      volumeId: null,
      absentSince: null,
    },
  })
  if (begun === undefined) return CONTINUE
  try {
    const made = await provisioner.createDisk(turn.app, {
      name: await volumeName(row.controlPlane, disk.id),
      region,
      // Its origin may have grown since.
      sizeGb: Math.max(disk.sizeGb, origin?.sizeGb ?? 0),
      fits: TIERS[row.tier as Tier],
      ...(origin === undefined ? {} : { source: origin.of }),
    })
    return await storeDisk(services, row, made, 'disk_created')
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    // Certainly refused: there is no volume to look for, and another region may be taken.
    if (error.applied === 'no') {
      await wantAgain(services, row, fixed ?? null)
      const isGone = await onSnapshotGone(services, row)
      if (isGone !== undefined) return isGone
    }
    if (error.problem.code !== 'no_capacity') throw error
    await recordNoCapacity(db, region, error.problem, services.now())
    if (fixed !== undefined) return onNoRoom(services, row, error)
    if (row.regions.length > 1) return CONTINUE
    throw error
  }
}

type Origin = { of: NonNullable<DiskInput['source']>; sizeGb: number }

/** What the provider is to copy; undefined: nothing. `lost`: what the disk starts from no longer exists. */
async function originOf({ db }: ReconcileContext, { source }: Disk): Promise<Origin | undefined | 'lost'> {
  if (source.kind === 'empty') return undefined
  const [copied] = await db.select().from(disks).where(eq(disks.id, source.disk_id))
  const sizeGb = copied?.sizeGb ?? 0
  if (source.kind === 'snapshot') return { of: { snapshot: source.snapshot_id ?? '' }, sizeGb }
  return copied?.volumeId == null || copied.state === 'gone'
    ? 'lost'
    : { of: { disk: copied.volumeId }, sizeGb }
}

const wantAgain = (services: ReconcileContext, row: WithDisk, region: string | null) =>
  changeDisk(services, {
    id: row.disk.id,
    now: services.now(),
    where: sql`${disks.state} = 'creating' and ${holdsItsLease(row)}`,
    changes: { state: 'wanted', region, volumeId: null, requestedAt: null },
  })

/** Stores what is now known of a disk that was asked for. */
async function storeDisk(
  services: ReconcileContext,
  row: WithDisk,
  made: ProviderDisk,
  event: 'disk_created' | 'disk_adopted',
): Promise<StepResult> {
  const now = services.now()
  const isReady = made.phase === 'ready'
  const stored = {
    volumeId: made.id,
    region: made.region === '' ? row.disk.region : made.region,
    sizeGb: Math.max(made.sizeGb, row.disk.sizeGb),
    providerState: made.state,
    usedBytes: made.usedBytes ?? null,
    seenAt: now,
    absentSince: null,
    ...(isReady ? { state: 'ready' as const, createdAt: made.createdAt ?? now } : {}),
  }
  await changeDisk(services, {
    id: row.disk.id,
    now,
    where: sql`${disks.state} = 'creating' and ${holdsItsLease(row)}`,
    changes: stored,
    ...(isReady ? { logs: { event, payload: {} } } : {}),
  })
  if (isReady) return CONTINUE
  if (row.disk.source.kind !== 'empty') await extendDeadline(services, row, now)
  return { next: 'wait', ms: 1_000 }
}

/** Finds out what became of a create: by the volume's id or, while that is unknown, by its name. */
export async function findDisk(services: ReconcileContext, row: WithDisk): Promise<StepResult> {
  const { provisioner } = services
  const { disk } = row
  const app = disk.app ?? ''
  const observed =
    disk.volumeId === null
      ? await provisioner.findDisk(app, await volumeName(row.controlPlane, disk.id))
      : await provisioner.observeDisk({ app, id: disk.volumeId })
  if (observed.presence === 'unknown') {
    const { ms } = waitForProvider(row, observed.problem)
    await recordFailure(services, row, problemReason(observed.problem))
    return { next: 'wait', ms, failed: true }
  }
  if (observed.presence === 'present' && observed.disk.phase !== 'gone') {
    if (observed.disk.phase === 'unknown') return { next: 'wait', ms: 10_000 }
    return storeDisk(services, row, observed.disk, disk.volumeId === null ? 'disk_adopted' : 'disk_created')
  }
  // No machine ever had it, so another one may take its place; but a lost create may still be carried out.
  const looked = await setDisk(services, row, ONE_MORE_LOOK)
  if (looked === undefined || !isCreateOver(looked, services.now())) {
    return { next: 'wait', ms: LOOK_AGAIN_MS }
  }
  await wantAgain(services, row, disk.source.kind === 'disk' ? disk.region : null)
  return CONTINUE
}

/** After a launch that did not find the disk: two looks, some time apart, make it missing. */
export async function lookForDisk(services: ReconcileContext, row: WithDisk): Promise<StepResult> {
  const { disk } = row
  const now = services.now()
  const observed = await services.provisioner.observeDisk({ app: disk.app ?? '', id: disk.volumeId ?? '' })
  const isAbsent =
    observed.presence === 'absent' || (observed.presence === 'present' && observed.disk.phase === 'gone')
  if (!isAbsent) {
    if (disk.absentSince !== null) await setDisk(services, row, { absentSince: null })
    return { next: 'wait', ms: 2_000, failed: true }
  }
  if (disk.absentSince === null) await setDisk(services, row, { absentSince: now })
  if (disk.absentSince === null || now.getTime() - disk.absentSince.getTime() < ABSENCE_MS) {
    return { next: 'wait', ms: ABSENCE_MS }
  }
  return loseDisk(services, row)
}

/**
 * Deletes the disk of a removed workspace, and looks until it is gone. A provider may accept that and not do it.
 * @throws ProvisionError
 */
export async function deleteDisk(services: ReconcileContext, row: WithDisk): Promise<StepResult> {
  const { attempts, disk } = row
  if (disk.volumeId === null) return forgetDisk(services, row)
  const ref = { app: disk.app ?? '', id: disk.volumeId }
  if (disk.state === 'deleting' && (await isGone(services, ref))) return forgetDisk(services, row)
  const marked = await changeDisk(services, {
    id: disk.id,
    now: services.now(),
    where: sql`${holdsItsLease(row)} and not ${isNeeded}`,
    changes: { state: 'deleting' },
  })
  // A copy of it is being made, for another workspace.
  if (marked === undefined) return (await keepForCopy(services, row)) ?? { next: 'wait', ms: 5_000 }
  const { gone } = await services.provisioner.deleteDisk(ref)
  if (gone) return forgetDisk(services, row)
  if (disk.state !== 'deleting') return { next: 'wait', ms: 1_000 }
  return { next: 'wait', ms: repeatAfter(attempts), failed: true }
}

/**
 * Keeps a disk of which a workspace at rest wants a copy: nobody knows when that is restarted. It costs money until
 * then, so it is listed with the other kept disks, and is deleted when the copy is made or no longer wanted.
 */
async function keepForCopy(services: ReconcileContext, row: WithDisk): Promise<StepResult | undefined> {
  const { db } = services
  const now = services.now()
  const moved = db.$with('moved').as(
    db
      .update(workspaces)
      .set({ diskId: null })
      .where(
        and(
          eq(workspaces.id, row.id),
          sql`${workspaces.leaseId} = ${row.leaseId}::uuid`,
          hasContent,
          isNeededByOneAtRest(sql`${workspaces.diskId}`),
        ),
      )
      .returning({ id: workspaces.id, diskId: workspaces.diskId }),
  )
  const [kept] = await db
    .with(moved, ...keepDisks(services, { now, reason: 'copy_wanted', until: now }))
    .select({ id: moved.id })
    .from(moved)
  if (kept === undefined) return undefined
  services.invalidate(row.id)
  return CONTINUE
}

async function isGone({ provisioner }: ReconcileContext, ref: { app: string; id: string }): Promise<boolean> {
  const observed = await provisioner.observeDisk(ref)
  return observed.presence === 'absent' || (observed.presence === 'present' && observed.disk.phase === 'gone')
}

export async function forgetDisk(services: ReconcileContext, row: WithDisk): Promise<StepResult> {
  const now = services.now()
  await changeDisk(services, {
    id: row.disk.id,
    now,
    where: holdsItsLease(row),
    changes: { state: 'gone', workspaceId: null, deletedAt: now },
    ...(row.disk.volumeId === null ? {} : { logs: { event: 'disk_deleted', payload: {} } }),
  })
  return CONTINUE
}
