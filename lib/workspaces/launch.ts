// Making and updating a workspace's machine: what is wanted is stored first, then the provider is asked, then what it said
// is stored. Whoever dies in between leaves enough behind for the next one to continue.
import { and, eq, sql } from 'drizzle-orm'
import { workspaces, workspaceTokens } from '../../drizzle/schema.ts'
import { mintToken } from '../agents/token.ts'
import { type Machine, ProvisionError } from '../provisioner/provisioner.ts'
import type { Services } from '../services.ts'
import { type MachineSpec, machineSpec, type Tier } from './machine-spec.ts'
import type { ClaimedWorkspace } from './queries.ts'
import { isRuntime, type Runtime, runtimeImage } from './runtimes.ts'
import { changeWorkspace } from './transition.ts'

/** The columns of a workspace that has no machine and asked for none. */
export const NO_MACHINE = {
  launchId: null,
  launchedAt: null,
  machineId: null,
  machineGeneration: null,
  absentSince: null,
} as const

/** Makes the workspace's machine. @throws ProvisionError */
export async function launchMachine(services: Services, row: ClaimedWorkspace): Promise<void> {
  const launchId = row.launchId ?? crypto.randomUUID()
  const spec = await deliver(services, row, launchId)
  if (spec === undefined) return
  try {
    const machine = await services.provisioner.launch(spec)
    await storeMachine(services, { ...row, launchId }, machine, 'machine_created')
  } catch (error) {
    // Refused for certain: there is no machine to look for.
    if (error instanceof ProvisionError && error.applied === 'no' && row.launchId === null) {
      await services.db
        .update(workspaces)
        .set(NO_MACHINE)
        .where(and(eq(workspaces.id, row.id), eq(workspaces.launchId, launchId)))
    }
    throw error
  }
}

/** Gives the machine the newest spec and boots it with that. @throws ProvisionError */
export async function updateMachine(
  services: Services,
  row: ClaimedWorkspace,
  machineId: string,
): Promise<void> {
  const spec = await deliver(services, row, row.launchId ?? crypto.randomUUID())
  if (spec === undefined) return
  const machine = await services.provisioner.update(machineId, spec)
  await storeMachine(services, row, machine, 'machine_updated')
}

/**
 * Prepares a delivery: stores the launch and the hash of a new token, and only then returns the spec that carries the
 * plaintext. An agent can never present a token that is not in the table yet (molecule.md §7.1).
 * @returns undefined when the workspace has moved on
 */
async function deliver(
  services: Services,
  row: ClaimedWorkspace,
  launchId: string,
): Promise<MachineSpec | undefined> {
  const { config, db } = services
  const now = services.now()
  const minted = await mintToken()
  const launched = db.$with('launched').as(
    db
      .update(workspaces)
      .set({
        launchId,
        // While no machine is known, this says until when a lost create may still be carried out.
        ...(row.machineId === null ? { launchedAt: now } : {}),
        app: row.app ?? services.provisioner.app,
        absentSince: null,
      })
      .where(
        and(
          eq(workspaces.id, row.id),
          eq(workspaces.leaseId, row.leaseId),
          eq(workspaces.generation, row.generation),
          eq(workspaces.status, row.status),
        ),
      )
      .returning({ id: workspaces.id }),
  )
  const stored = db.$with('stored', { hash: workspaceTokens.hash }).as(
    sql`insert into ${workspaceTokens} (hash, workspace_id, prefix, generation, created_at)
        select ${minted.hash}, id, ${minted.prefix}, ${row.generation}::int, ${now.toISOString()}::timestamptz from launched returning hash`,
  )
  const [launchedRow] = await db.with(launched, stored).select().from(launched)
  if (launchedRow === undefined) return undefined
  const runtime: Runtime = isRuntime(row.runtime) ? row.runtime : 'langgraph'
  return machineSpec({
    workspace: { ...row, runtime, tier: row.tier as Tier },
    image: row.image ?? runtimeImage(runtime, config.images),
    launchId,
    controlPlane: row.controlPlane,
    token: minted.token,
    platformUrl: config.publicUrl ?? `http://127.0.0.1:${config.listen.port}`,
  })
}

/**
 * Stores what is now known of the machine. Fenced by the lease alone: also a workspace that was removed meanwhile must learn
 * which machine it has to get rid of.
 */
export async function storeMachine(
  services: Services,
  row: ClaimedWorkspace,
  machine: Machine,
  event: string,
): Promise<void> {
  await changeWorkspace(services.db, {
    id: row.id,
    event,
    now: services.now(),
    where: eq(workspaces.leaseId, row.leaseId),
    changes: {
      machineId: machine.id,
      machineGeneration: machine.labels?.generation ?? row.generation,
      machineState: machine.state,
      machineRegion: machine.region,
      machineImage: machine.image,
      machineSeenAt: services.now(),
      absentSince: null,
    },
    payload: { machine_id: machine.id, region: machine.region, image: machine.image },
  })
}
