// What comes before a machine is created or updated: the launch and the hash of its token are stored, and its secrets
// are written. Both happen once per generation and spec, so a launch that is repeated waits for the secrets it
// already has.
import { and, eq, sql } from 'drizzle-orm'
import { disks, workspaceFiles, workspaces, workspaceTokens } from '../../drizzle/schema/index.ts'
import { inboundSecret } from '../auth/inbound-secret.ts'
import { mintToken } from '../auth/token.ts'
import type { Context } from '../config/context.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { wantedImage } from '../lifecycle/wanted-image.ts'
import { type MachineSpec, machineSpec, type Tier } from '../machines/machine-spec.ts'
import { isRuntime, type Runtime } from '../machines/runtimes.ts'
import { holdsLease } from '../platform/lease.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'
import { readSecrets, SecretsUnreadable, UNREADABLE_HINT } from '../secrets/read-secrets.ts'
import type { ReconcileContext } from './context.ts'

type Launch = { launchId: string; app: string; region: string }

/** @param secretsVersion what the machine's host must have; undefined where the spec itself contains the secrets */
export type PreparedLaunch = { spec: MachineSpec; secretsVersion: number | undefined }

/**
 * The hash of the token is stored before the token leaves: an agent can never present a token that is not in the
 * table yet (docs/facts/molecule.md §7.1).
 * @returns undefined when the workspace has changed meanwhile
 * @throws ProvisionError
 */
export async function prepareLaunch(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  launch: Launch,
): Promise<PreparedLaunch | undefined> {
  const { config, db, provisioner } = services
  const delivery = `${launch.app} ${row.generation} ${row.specVersion}`
  const delivered = provisioner.storesSecrets && row.secretsDelivered === delivery ? row.secretsVersion : null
  const secrets = await secretsOf(services, row.id)
  const callerFiles = await readFiles(services, row)
  const runtime: Runtime = isRuntime(row.runtime) ? row.runtime : 'langgraph'
  const image = await wantedImage(db, { ...row, runtime }, config.images)
  const token = await storeLaunch(services, row, launch, image, delivered === null)
  if (token === undefined) return undefined
  const spec = machineSpec({
    workspace: { ...row, runtime, region: launch.region, tier: row.tier as Tier },
    secrets,
    callerFiles,
    exec: config.images.commands[runtime],
    image,
    launchId: launch.launchId,
    controlPlane: row.controlPlane,
    ...(row.disk?.volumeId == null ? {} : { disk: { id: row.disk.volumeId, path: row.diskPath } }),
    token,
    port: await provisioner.agentPort(),
    inboundSecret: await inboundSecret(row.agentKey, row.id, row.generation),
    platformUrl: config.platformUrl ?? config.publicUrl ?? `http://127.0.0.1:${config.listen.port}`,
  })
  if (delivered !== null) return { spec, secretsVersion: delivered }
  const secretsVersion = await provisioner.deliverSecrets(launch.app, spec)
  if (secretsVersion !== undefined) {
    await db
      .update(workspaces)
      .set({ secretsDelivered: delivery, secretsVersion })
      .where(holdsLease(workspaces, row))
  }
  return { spec, secretsVersion }
}

/**
 * @param needsToken false where an earlier attempt has delivered a token already; the spec then only names it
 * @returns the token; undefined when the workspace has changed meanwhile
 */
async function storeLaunch(
  { db, now }: Context,
  row: ClaimedWorkspace,
  { app, launchId, region }: Launch,
  image: string,
  needsToken: boolean,
): Promise<string | undefined> {
  const at = now()
  const minted = await mintToken()
  const launched = db.$with('launched').as(
    db
      .update(workspaces)
      .set({
        launchId,
        app,
        launchRegion: region,
        launchImage: image,
        launchDisk: row.diskId,
        launchSlotAt: null,
        // While no machine is known, this bounds how long a lost create may still be carried out.
        ...(row.machineId === null ? { launchedAt: at } : {}),
        absentSince: null,
        // What the program of the generation before reported.
        ...(row.machineGeneration === row.generation
          ? {}
          : { registeredAt: null, lastHeartbeatAt: null, activeTasks: 0, currentTask: '', busyUntil: null }),
      })
      .where(
        and(
          holdsLease(workspaces, row),
          eq(workspaces.generation, row.generation),
          eq(workspaces.status, row.status),
        ),
      )
      .returning({ id: workspaces.id }),
  )
  const stored = db.$with('stored', { hash: workspaceTokens.hash }).as(
    sql`insert into ${workspaceTokens} (hash, workspace_id, prefix, generation, created_at)
        select ${minted.hash}, id, ${minted.prefix}, ${row.generation}::int, ${at.toISOString()}::timestamptz
        from launched where ${needsToken}::boolean returning hash`,
  )
  // Before the machine can exist: from now on the disk may hold data, and is never replaced by an empty one.
  const mounted = db.$with('mounted', {}).as(
    sql`update ${disks} set mounted_at = ${at.toISOString()}::timestamptz
        where id = ${row.diskId} and mounted_at is null and exists (select from launched) returning id`,
  )
  const [launchedRow] = await db.with(launched, stored, mounted).select().from(launched)
  return launchedRow === undefined ? undefined : minted.token
}

/** Contents in base64, by path. Most workspaces have no files, and need no read. */
async function readFiles({ db }: Context, row: ClaimedWorkspace): Promise<Record<string, string>> {
  if (row.files.length === 0) return {}
  const files = await db
    .select({ path: workspaceFiles.path, base64: workspaceFiles.base64 })
    .from(workspaceFiles)
    .where(eq(workspaceFiles.workspaceId, row.id))
  return Object.fromEntries(files.map(({ base64, path }) => [path, base64]))
}

// Without one of its keys an agent would run, and fail in the middle of its work.
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
