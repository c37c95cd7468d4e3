// POST /workspaces: one statement stores the workspace, and takes its lease for the reconcile that follows. That, or a sweep after
// the end of the lease, creates the machine, so an answer never depends on Fly and a crash loses nothing.
import type { Context } from '../config/context.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import type { Store } from '../platform/context.ts'
import { and, eq, lt } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { type Caller, callerKey } from '../auth/caller.ts'
import { newDisk } from '../disks/new-disk.ts'
import { encodeHex } from '../platform/encoding.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { provisionDeadline } from '../lifecycle/deadline.ts'
import { isExternal } from '../machines/runtimes.ts'
import { checkParent } from '../lifecycle/family.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { sealAll } from '../secrets/sealing-key.ts'
import { secondsBetween } from '../platform/distributed-rate-limit.ts'
import { type Disk, type Workspace, workspaceColumns } from '../lifecycle/workspace.ts'
import { type PreparedFile, prepareFiles } from './files-input.ts'
import { refuseMachineMembers } from './external.ts'
import type { InsertWorkspace } from './insert-workspace.ts'
import { listedFiles } from './store-files.ts'
import { UNTOUCHED } from './untouched.ts'
import { findOrigin, type Origin } from './create-from.ts'
import { type CreateWorkspaceInput, imageOf, regionsOf, runtimeOf, tierOf } from './workspace-input.ts'

/** Where the agent finds its disk, unless the caller names another path. */
const DEFAULT_DISK_PATH = '/workspace'

/** How long an Idempotency-Key is kept, in hours. */
export const IDEMPOTENCY_HOURS = 24

/** A caller's key for one create, and the answer for its row, which is stored with it. */
export type Idempotency = { key: string; answerOf: (row: Workspace) => Record<string, unknown> }

/** `claimed`: the row with its lease, to be reconciled; absent where nothing is to be done yet. */
export type Created = { row: Workspace; claimed?: ClaimedWorkspace; replayed?: Record<string, unknown> }

/**
 * Stores a new workspace, `provisioning`. If it has a machine, it is due at once, and the caller has its lease. With an idempotency key that was used for the same body,
 * creates nothing and returns the earlier answer.
 * @throws DomainError `rate_limited`; `invalid_input` naming the field and what is allowed; `idempotency_mismatch`
 *   when the key was used for another body
 */
export async function createWorkspace(
  services: ReconcileContext & { insertWorkspace: InsertWorkspace },
  input: CreateWorkspaceInput,
  caller: Caller,
  idempotency?: Idempotency,
): Promise<Created> {
  const origin = input.from == null ? undefined : await findOrigin(services, input.from)
  const files =
    input.files == null && origin !== undefined ? origin.files : await prepareFiles(input.files ?? {})
  const row = newWorkspace(
    services,
    origin === undefined ? input : withTemplate(input, origin.template),
    files,
    origin,
  )
  if (row.parentId !== null) await checkParent(services, row.id, row.parentId)
  const sealed = await sealAll(services, row.id, input.secrets ?? {})
  if (idempotency !== undefined) {
    // Callers choose their keys without knowing of each other.
    row.idempotencyKey = `${callerKey(caller)} ${idempotency.key}`
    row.idempotencyFingerprint = await fingerprintOf(services, input)
    row.idempotencyAnswer = idempotency.answerOf(row)
  }
  // Machines cost money: the loop of one caller must not create thousands of them, through any replica.
  const perHour = services.config.createRatePerHour
  const quota = { key: `create ${callerKey(caller)}`, perHour }
  const outcome = await services
    .insertWorkspace({ row, by: services.by, sealed, files, quota })
    .catch((error: unknown) => {
      // The same request at the same time may have taken both its key and its slug.
      if (idempotency === undefined || !(error instanceof DomainError)) throw error
      return error
    })
  if (typeof outcome === 'object' && 'agentKey' in outcome) {
    const { leaseId } = row
    return leaseId === null ? { row } : { row, claimed: { ...row, leaseId, ...outcome } }
  }
  // A repetition creates nothing, and is never refused.
  const replayed = idempotency === undefined ? undefined : await replay(services, row)
  if (replayed !== undefined) return replayed
  if (outcome instanceof DomainError) throw outcome
  if (outcome === 'over_quota') throw tooMany(perHour)
  return createWorkspace(services, input, caller, idempotency)
}

const tooMany = (perHour: number) =>
  new DomainError('rate_limited', `more than ${perHour} workspaces in an hour (CREATE_RATE_PER_HOUR): wait`, {
    retryAfterSeconds: secondsBetween(perHour),
  })

function newWorkspace(
  services: ReconcileContext,
  input: CreateWorkspaceInput,
  files: PreparedFile[],
  origin: Origin | undefined,
): Workspace {
  const { config } = services
  const now = services.now()
  const runtime = runtimeOf(input.runtime, input.template)
  const id = crypto.randomUUID()
  const hasMachine = !isExternal({ runtime })
  if (!hasMachine) refuseMachineMembers(input)
  const regions = hasMachine ? regionsOf(services, input) : []
  const disk = hasMachine ? wantedDisk(services, id, regions, input, origin) : null
  return {
    ...UNTOUCHED,
    id,
    name: input.name,
    slug: input.slug ?? null,
    role: input.role || null,
    runtime,
    tier: tierOf(input.tier),
    regions,
    model: input.model || null,
    parentId: input.parent_id ?? null,
    env: input.env ?? {},
    config: input.config ?? {},
    labels: input.labels ?? {},
    files: listedFiles(files),
    publicCard: input.public_card ?? null,
    completesMessages: input.complete_messages ?? true,
    image: imageOf(config, input.image),
    idleMinutes: input.idle_minutes ?? null,
    diskId: disk?.id ?? null,
    diskPath: input.disk_path ?? DEFAULT_DISK_PATH,
    onHostLoss: input.on_host_loss ?? 'wait',
    onOutsideStop: input.on_outside_stop ?? config.sleep.onOutsideStop,
    status: 'provisioning',
    statusChangedAt: now,
    deadlineAt: hasMachine ? provisionDeadline(config, runtime, now) : null,
    // Without a machine there is nothing to do until its agent's first heartbeat (reconcile/decide-external.ts).
    nextCheckAt: hasMachine ? now : null,
    leaseId: hasMachine ? crypto.randomUUID() : null,
    idempotencyKey: null,
    idempotencyFingerprint: null,
    idempotencyAnswer: null,
    createdAt: now,
    updatedAt: now,
    disk,
  }
}

/** The disk of a new workspace; null: none. @throws DomainError `invalid_input` */
function wantedDisk(
  { config, now }: Context,
  id: string,
  regions: string[],
  input: CreateWorkspaceInput,
  origin: Origin | undefined,
): Disk | null {
  if (origin === undefined) {
    const sizeGb = input.disk_gb ?? config.disks.defaultGb
    return sizeGb === 0 ? null : newDisk(id, now(), { sizeGb })
  }
  const sizeGb = input.disk_gb ?? origin.sizeGb
  if (sizeGb < origin.sizeGb)
    throw invalidField('disk_gb', `must be at least ${origin.sizeGb}, as it is copied`)
  return newDisk(id, now(), { sizeGb, ...origin.diskFor(regions) })
}

/** The input with what it leaves out taken from another workspace. Its name, parent, secrets and tokens are its own. */
function withTemplate(input: CreateWorkspaceInput, template: Workspace): CreateWorkspaceInput {
  const hasRegions = input.region != null || input.regions != null
  return {
    ...input,
    role: input.role ?? template.role,
    runtime: input.runtime ?? (input.template ? runtimeOf(null, input.template) : template.runtime),
    tier: input.tier ?? template.tier,
    model: input.model ?? template.model,
    ...(hasRegions ? {} : { regions: template.regions }),
    image: input.image ?? template.image,
    env: input.env ?? template.env,
    config: input.config ?? template.config,
    public_card: input.public_card ?? template.publicCard,
    complete_messages: input.complete_messages ?? template.completesMessages,
    idle_minutes: input.idle_minutes ?? template.idleMinutes,
    labels: input.labels ?? template.labels,
    disk_path: input.disk_path ?? template.diskPath,
    on_host_loss: input.on_host_loss ?? template.onHostLoss,
    on_outside_stop: input.on_outside_stop ?? template.onOutsideStop,
  }
}

/** The earlier answer of a key; undefined when the key has expired. */
async function replay({ db, now }: Store, wanted: Workspace): Promise<Created | undefined> {
  const expired = new Date(now().getTime() - IDEMPOTENCY_HOURS * 3_600_000)
  const key = wanted.idempotencyKey ?? ''
  await db
    .update(workspaces)
    .set({ idempotencyKey: null })
    .where(and(eq(workspaces.idempotencyKey, key), lt(workspaces.createdAt, expired)))
  const [first] = await db.select(workspaceColumns).from(workspaces).where(eq(workspaces.idempotencyKey, key))
  if (first === undefined) return undefined
  if (first.idempotencyFingerprint !== wanted.idempotencyFingerprint) {
    throw new DomainError(
      'idempotency_mismatch',
      'this Idempotency-Key was used for another body: use a new key',
    )
  }
  return { row: first, replayed: first.idempotencyAnswer ?? {} }
}

/**
 * A hash of the parsed body, so that spaces and the order of members make no difference. With secrets, the encryption
 * key is part of it: a reader of the database cannot guess values.
 */
async function fingerprintOf({ config }: Context, input: CreateWorkspaceInput): Promise<string> {
  const hasSecrets = Object.keys(input.secrets ?? {}).length > 0
  const text = canonical(hasSecrets ? [input, encodeHex(config.secretKeys[0] ?? new Uint8Array())] : input)
  return encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry)}`).join(',')}}`
}
