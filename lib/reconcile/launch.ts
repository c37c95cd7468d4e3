// Making and updating a workspace's machine: what is wanted is stored first, then the provider is asked, then what it said
// is stored. Whoever dies in between leaves enough behind for the next one to continue.
import type { Context } from '../config/context.ts'
import type { Core, Store } from '../platform/context.ts'
import type { ReconcileContext } from './context.ts'
import { and, eq, sql } from 'drizzle-orm'
import { workspaces, workspaceTokens } from '../../drizzle/schema/index.ts'
import { inboundSecret } from '../auth/inbound-secret.ts'
import { mintToken } from '../auth/token.ts'
import { type Machine, type MachineRef, ProvisionError } from '../provisioner/provisioner.ts'
import { readSecrets, SecretsUnreadable, UNREADABLE_HINT } from '../secrets/read-secrets.ts'
import { takePermit, takeTurn } from './launch-pace.ts'
import { type MachineSpec, machineSpec, type Tier } from '../machines/machine-spec.ts'
import { CONTINUE, type StepResult } from './step-result.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { chooseRegion, recordNoCapacity, recordCapacity } from './region-health.ts'
import { isRuntime, type Runtime } from '../machines/runtimes.ts'
import { changeWorkspace } from '../lifecycle/transition.ts'
import { wantedImage } from '../lifecycle/wanted-image.ts'

/** The columns of a workspace that has no machine and asked for none. */
export const NO_MACHINE = {
  launchId: null,
  launchedAt: null,
  launchSlotAt: null,
  launchRegion: null,
  launchImage: null,
  app: null,
  machineId: null,
  machineGeneration: null,
  machineSpecVersion: null,
  absentSince: null,
} as const

/** Makes the workspace's machine, when its turn has come and a region has room. @throws ProvisionError */
export async function launchMachine(services: ReconcileContext, row: ClaimedWorkspace): Promise<StepResult> {
  const now = services.now()
  const turn = await takeTurn(services, row)
  if (turn.at > now) return { next: 'wait', ms: turn.at.getTime() - now.getTime() }
  const permit = await takePermit(services, turn.app, now)
  if (permit.retryMs !== undefined) return { next: 'wait', ms: permit.retryMs }
  const choice = await chooseRegion(services.db, row.regions, now)
  if ('openUntil' in choice) return { next: 'wait', ms: choice.openUntil.getTime() - now.getTime() }

  const { region } = choice
  const launchId = row.launchId ?? crypto.randomUUID()
  const spec = await deliver(services, row, { launchId, app: turn.app, region })
  if (spec === undefined) return CONTINUE
  try {
    const machine = await services.provisioner.launch(turn.app, spec)
    await storeMachine(services, row, machine, 'machine_created')
    await recordCapacity(services.db, region, services.now())
    return CONTINUE
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    // Refused for certain: there is no machine to look for.
    if (error.applied === 'no' && row.launchId === null) await forgetLaunch(services, row, launchId)
    if (error.problem.code !== 'no_capacity') throw error
    await recordNoCapacity(services.db, region, error.problem, services.now())
    // A caller who named several regions has said where to go next.
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
  const region = row.machineRegion ?? row.regions[0] ?? services.config.fly.region
  const spec = await deliver(services, row, {
    launchId: row.launchId ?? crypto.randomUUID(),
    app: machine.app,
    region,
  })
  if (spec === undefined) return
  await storeMachine(services, row, await services.provisioner.update(machine, spec), 'machine_updated')
}

/**
 * Prepares a delivery: stores the launch and the hash of a new token, and only then returns the spec that carries the
 * plaintext. An agent can never present a token that is not in the table yet (molecule.md §7.1).
 * @returns undefined when the workspace has moved on
 */
async function deliver(
  services: Context,
  row: ClaimedWorkspace,
  launch: { launchId: string; app: string; region: string },
): Promise<MachineSpec | undefined> {
  const { config, db } = services
  const { launchId, app, region } = launch
  const now = services.now()
  const secrets = await secretsOf(services, row.id)
  const minted = await mintToken()
  const runtime: Runtime = isRuntime(row.runtime) ? row.runtime : 'langgraph'
  const image = await wantedImage(db, { ...row, runtime }, config.images)
  const launched = db.$with('launched').as(
    db
      .update(workspaces)
      .set({
        launchId,
        app,
        launchRegion: region,
        launchImage: image,
        launchSlotAt: null,
        // While no machine is known, this says until when a lost create may still be carried out.
        ...(row.machineId === null ? { launchedAt: now } : {}),
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
  return machineSpec({
    workspace: { ...row, runtime, region, tier: row.tier as Tier },
    secrets,
    image,
    launchId,
    controlPlane: row.controlPlane,
    token: minted.token,
    inboundSecret: await inboundSecret(row.agentKey, row.id, row.generation),
    platformUrl: config.platformUrl ?? config.publicUrl ?? `http://127.0.0.1:${config.listen.port}`,
  })
}

// Without one of its keys an agent would run, and fail in the middle of somebody's work.
async function secretsOf(services: Context, workspaceId: string): Promise<Record<string, string>> {
  try {
    return await readSecrets(services, workspaceId)
  } catch (error) {
    if (!(error instanceof SecretsUnreadable)) throw error
    const problem = {
      code: 'secrets_unreadable' as const,
      message: error.message,
      hint: UNREADABLE_HINT,
      retryable: false,
    }
    throw new ProvisionError(problem, { applied: 'no', cause: error })
  }
}

async function forgetLaunch({ db }: Store, row: ClaimedWorkspace, launchId: string): Promise<void> {
  await db
    .update(workspaces)
    .set(NO_MACHINE)
    .where(and(eq(workspaces.id, row.id), eq(workspaces.launchId, launchId)))
}

/**
 * Stores what is now known of the machine. Fenced by the lease alone: also a workspace that was removed meanwhile must learn
 * which machine it has to get rid of.
 */
export async function storeMachine(
  services: Core,
  row: ClaimedWorkspace,
  machine: Machine,
  event: 'machine_created' | 'machine_updated' | 'machine_adopted',
): Promise<void> {
  const generation = machine.labels?.generation ?? row.generation
  await changeWorkspace(services, {
    id: row.id,
    event,
    now: services.now(),
    where: eq(workspaces.leaseId, row.leaseId),
    changes: {
      machineId: machine.id,
      machineGeneration: generation,
      // What a launch or update of this generation carried; a found machine of an older one is about to be updated.
      ...(generation === row.generation ? { machineSpecVersion: row.specVersion } : {}),
      machineState: machine.state,
      machineRegion: machine.region,
      machineImage: machine.image,
      machineSeenAt: services.now(),
      absentSince: null,
    },
    payload: { machine_id: machine.id, app: machine.app, region: machine.region, image: machine.image },
  })
}
