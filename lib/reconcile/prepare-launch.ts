// What comes before a machine is created or updated: the launch and the hash of its token are stored, and its secrets
// are written. Both happen once per generation and spec, so a launch that is repeated waits for the secrets it
// already has.
import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
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
import { type Secret, SecretsUnreadable, unsealAll, UNREADABLE_HINT } from '../secrets/read-secrets.ts'
import type { ReconcileContext } from './context.ts'
import type { LaunchReads } from './launch-reads.ts'

type Launch = { launchId: string; app: string; region: string; reads: LaunchReads }

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
  const secrets = await secretsOf(services, launch.reads.secrets)
  const callerFiles = await readFiles(services, row)
  const runtime: Runtime = isRuntime(row.runtime) ? row.runtime : 'langgraph'
  const image = wantedImage({ ...row, runtime }, launch.reads.rolledImage, config.images)
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
    const { id, leaseId } = row
    await deliveredStatement(db, { id, leaseId, delivery, secretsVersion })
  }
  return { spec, secretsVersion }
}

type DeliveredValues = { id: string; leaseId: string; delivery: string; secretsVersion: number }

const deliveredStatement = prepared((db, valueOf: ValueOf<DeliveredValues>) =>
  db
    .update(workspaces)
    .set({
      secretsDelivered: sql`${valueOf('delivery')}`,
      secretsVersion: sql`${valueOf('secretsVersion')}::bigint`,
    })
    .where(holdsLease(workspaces, { id: valueOf('id'), leaseId: valueOf('leaseId') })),
)

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
  const { hash, prefix, token } = await mintToken()
  const [launched] = await launchStatement(db, {
    id: row.id,
    leaseId: row.leaseId,
    generation: row.generation,
    status: row.status,
    launchId,
    app,
    region,
    image,
    diskId: row.diskId,
    now: now(),
    hash: needsToken ? hash : null,
    prefix,
  })
  return launched === undefined ? undefined : token
}

type LaunchValues = Omit<Launch, 'reads'> & {
  id: string
  leaseId: string
  generation: number
  status: string
  image: string
  diskId: string | null
  now: Date
  /** Of the token; null: none is stored. */
  hash: string | null
  prefix: string
}

const launchStatement = prepared((db, valueOf: ValueOf<LaunchValues>) => {
  const at = sql`${valueOf('now')}::timestamptz`
  // What the program of the generation before reported does not count.
  const ofThisGeneration = (column: PgColumn, otherwise: SQL) =>
    sql`case when ${workspaces.machineGeneration} = ${workspaces.generation} then ${column} else ${otherwise} end`
  const launched = db.$with('launched').as(
    db
      .update(workspaces)
      .set({
        launchId: sql`${valueOf('launchId')}::uuid`,
        app: sql`${valueOf('app')}`,
        launchRegion: sql`${valueOf('region')}`,
        launchImage: sql`${valueOf('image')}`,
        launchDisk: sql`${valueOf('diskId')}`,
        launchSlotAt: null,
        // While no machine is known, this bounds how long a lost create may still be carried out.
        launchedAt: sql`case when ${workspaces.machineId} is null then ${at} else ${workspaces.launchedAt} end`,
        absentSince: null,
        registeredAt: ofThisGeneration(workspaces.registeredAt, sql`null`),
        lastHeartbeatAt: ofThisGeneration(workspaces.lastHeartbeatAt, sql`null`),
        activeTasks: ofThisGeneration(workspaces.activeTasks, sql`0`),
        currentTask: ofThisGeneration(workspaces.currentTask, sql`''`),
        busyUntil: ofThisGeneration(workspaces.busyUntil, sql`null`),
      })
      .where(
        and(
          holdsLease(workspaces, { id: valueOf('id'), leaseId: valueOf('leaseId') }),
          eq(workspaces.generation, valueOf('generation')),
          eq(workspaces.status, valueOf('status')),
        ),
      )
      .returning({ id: workspaces.id }),
  )
  const stored = db.$with('stored', { hash: workspaceTokens.hash }).as(
    sql`insert into ${workspaceTokens} (hash, workspace_id, prefix, generation, created_at)
        select ${valueOf('hash')}, id, ${valueOf('prefix')}, ${valueOf('generation')}::int, ${at}
        from launched where ${valueOf('hash')}::text is not null returning hash`,
  )
  // Before the machine can exist: from now on the disk may hold data, and is never replaced by an empty one.
  const mounted = db.$with('mounted', {}).as(
    sql`update ${disks} set mounted_at = ${at}
        where id = ${valueOf('diskId')} and mounted_at is null and exists (select from launched) returning id`,
  )
  return db.with(launched, stored, mounted).select().from(launched)
})

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
async function secretsOf(services: Context, rows: Secret[]): Promise<Record<string, string>> {
  try {
    return await unsealAll(services, rows)
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
