// Creates and updates a workspace's machine. The intent is stored first, then the provider is called, then its answer
// is stored: a process that dies in between leaves enough behind for the next one to continue.
import { and, eq, sql } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { disks, workspaces } from '../../drizzle/schema/index.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { changeStatement, payloadOf } from '../lifecycle/transition.ts'
import { holdsLease } from '../platform/lease.ts'
import type { Core, Store } from '../platform/context.ts'
import { type Machine, type MachineRef, ProvisionError, signatureOf } from '../provisioner/provisioner.ts'
import { lookForDisk } from './act-disk.ts'
import { onNoRoom } from './copy-disk.ts'
import type { ReconcileContext } from './context.ts'
import { hasDisk } from './disk-row.ts'
import { readForLaunch } from './launch-reads.ts'
import { NO_MACHINE } from './no-machine.ts'
import { takePermit, takeTurn } from './launch-pace.ts'
import { prepareLaunch } from './prepare-launch.ts'
import { chooseRegion, recordCapacity, recordNoCapacity } from './region-health.ts'
import { CONTINUE, type Run, type StepResult } from './step-result.ts'

/** Creates the workspace's machine, when its turn has come and a region has capacity. @throws ProvisionError */
export async function launchMachine(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  run: Run,
): Promise<StepResult> {
  const now = services.now()
  const turn = await takeTurn(services, row, run)
  if (turn.isReleased) return { next: 'released' }
  if (turn.at > now) return { next: 'wait', ms: turn.at.getTime() - now.getTime() }
  const permit = await takePermit(services, turn.app, now)
  if (permit.retryMs !== undefined) return { next: 'wait', ms: permit.retryMs }
  const reads = await readForLaunch(services.db, row)
  // A disk keeps its region for life, and its machine must be on its host.
  const fixed = row.disk?.region ?? undefined
  const choice =
    fixed === undefined ? await chooseRegion(services.db, row.regions, reads.health, now) : { region: fixed }
  if ('openUntil' in choice) return { next: 'wait', ms: choice.openUntil.getTime() - now.getTime() }

  const { region } = choice
  const launchId = row.launchId ?? crypto.randomUUID()
  try {
    const launch = await prepareLaunch(services, row, { launchId, app: turn.app, region, reads })
    if (launch === undefined) return CONTINUE
    const machine = await services.provisioner.launch(turn.app, launch.spec, launch.secretsVersion)
    await storeMachine(services, row, machine, 'machine_created', region)
    return CONTINUE
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    // Certainly refused: there is no machine to look for.
    if (error.applied === 'no' && row.launchId === null) await forgetLaunch(services, row, launchId)
    if (hasDisk(row)) {
      if (error.problem.code === 'disk_not_found') return lookForDisk(services, row)
      if (error.problem.code === 'disk_host_full') return onNoRoom(services, row, error)
    }
    if (error.problem.code !== 'no_capacity') throw error
    await recordNoCapacity(services.db, region, error.problem, services.now())
    // With several regions the next attempt takes another one at once.
    if (hasDisk(row)) return onNoRoom(services, row, error)
    if (row.regions.length > 1) return CONTINUE
    throw error
  }
}

/** Gives the machine the newest spec and boots it with that. @throws ProvisionError */
export async function updateMachine(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  machine: MachineRef,
): Promise<void> {
  const launch = await prepareLaunch(services, row, {
    launchId: row.launchId ?? crypto.randomUUID(),
    app: machine.app,
    region: row.machineRegion ?? row.regions[0] ?? services.config.region,
    reads: await readForLaunch(services.db, row),
  })
  if (launch === undefined) return
  const updated = await services.provisioner.update(machine, launch.spec, launch.secretsVersion)
  await storeMachine(services, row, updated, 'machine_updated')
}

/** Fenced by the lease: a process that has it now may have made the machine of this launch. */
async function forgetLaunch({ db }: Store, row: ClaimedWorkspace, launchId: string): Promise<void> {
  const forgotten = await db
    .update(workspaces)
    .set(NO_MACHINE)
    .where(and(holdsLease(workspaces, row), eq(workspaces.launchId, launchId)))
    .returning({ id: workspaces.id })
  // No machine ever had the disk, and so it still contains nothing of its own.
  if (forgotten.length > 0 && row.disk?.mountedAt === null)
    await db.update(disks).set({ mountedAt: null }).where(eq(disks.id, row.disk.id))
}

/**
 * Stores what is now known of the machine. Fenced by the lease alone: a workspace that was removed meanwhile must
 * also learn which machine it has to destroy.
 * @param launchedIn the region in which it was just created, which thus has capacity
 */
export async function storeMachine(
  services: Core,
  row: ClaimedWorkspace,
  machine: Machine,
  event: StoredEvent,
  launchedIn?: string,
): Promise<void> {
  const generation = machine.labels?.generation ?? row.generation
  const { app, id, image, region, state, version } = machine
  const payload = { machine_id: id, app, region, image }
  const [stored] = await STORE[event](services.db, {
    id: row.id,
    leaseId: row.leaseId,
    now: services.now(),
    machineId: id,
    generation,
    // What a launch or update of this generation carried; an adopted machine of an older one is updated next.
    specVersion: generation === row.generation ? row.specVersion : null,
    version: version ?? null,
    signature: signatureOf(machine) ?? null,
    state,
    region,
    image,
    launchedIn: launchedIn ?? null,
    payload: payloadOf(services.by, { event, payload }),
  })
  if (stored !== undefined) services.invalidate(row.id)
}

type StoredEvent = 'machine_created' | 'machine_updated' | 'machine_adopted'

type MachineValues = {
  id: string
  leaseId: string
  now: Date
  machineId: string
  generation: number
  specVersion: number | null
  version: string | null
  signature: string | null
  state: string
  region: string
  image: string
  launchedIn: string | null
  payload: string
}

const storeStatement = (event: StoredEvent) =>
  prepared((db, valueOf: ValueOf<MachineValues>) => {
    const now = sql`${valueOf('now')}::timestamptz`
    return changeStatement(db, {
      id: valueOf('id'),
      event,
      now,
      where: sql`${workspaces.leaseId} = ${valueOf('leaseId')}::uuid`,
      changes: {
        machineId: sql`${valueOf('machineId')}`,
        machineGeneration: sql`${valueOf('generation')}::int`,
        machineSpecVersion: sql`coalesce(${valueOf('specVersion')}::int, ${workspaces.machineSpecVersion})`,
        machineVersion: sql`${valueOf('version')}`,
        machineSignature: sql`${valueOf('signature')}`,
        machineState: sql`${valueOf('state')}`,
        machineRegion: sql`${valueOf('region')}`,
        machineImage: sql`${valueOf('image')}`,
        machineSeenAt: now,
        drift: null,
        absentSince: null,
      },
      also: [recordCapacity(valueOf('launchedIn'), now)],
      payload: sql`${valueOf('payload')}::jsonb`,
    })
  })

const STORE = {
  machine_created: storeStatement('machine_created'),
  machine_updated: storeStatement('machine_updated'),
  machine_adopted: storeStatement('machine_adopted'),
}
