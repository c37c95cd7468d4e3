// Creates, lists, changes and deletes the hooks of a workspace, and rotates their secrets without an interruption.
// Secrets are stored sealed; a generated one is shown once.
import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { hooks, hookSecrets, workspaces } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import type { Store } from '../platform/context.ts'
import { encodeBase64, encodeBase64Url } from '../platform/encoding.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { locationOfHook, seal } from '../secrets/seal.ts'
import { sealingKey } from '../secrets/sealing-key.ts'
import {
  type CreateHookInput,
  deliveryHeaderProblem,
  type RotateHookInput,
  secretProblem,
  type UpdateHookInput,
} from './hook-input.ts'
import { type Scheme, SCHEMES } from './verify.ts'

/** Most hooks of one workspace. */
const MAX_HOOKS = 50

export type Hook = Omit<typeof hooks.$inferSelect, 'scheme'> & {
  scheme: Scheme
  /** When its secret was set; null if it has none that can be read, and then no delivery is accepted. */
  secretSetAt: Date | null
  /** Until when the previous secret is valid; null if it is not. */
  previousSecretUntil: Date | null
}

/** With the secret if it was generated now; it is shown only once. */
export type HookWithSecret = { hook: Hook; secret: string | undefined }

/**
 * @param createdBy a caller's key
 * @throws DomainError `misconfigured` without a sealing key; `not_found`; `conflict` when the name is taken or there
 *   are too many
 */
export async function createHook(
  services: Context,
  workspaceId: string,
  input: z.infer<typeof CreateHookInput>,
  createdBy: string,
): Promise<HookWithSecret> {
  const { db } = services
  const key = sealingKey(services)
  const { name, scheme, template } = input
  const generated = input.secret == null ? generateSecret(scheme) : undefined
  const { keyId, sealed } = await seal(
    key,
    locationOfHook({ name, workspaceId }),
    generated ?? input.secret ?? '',
  )
  const now = services.now().toISOString()
  const events = input.events == null ? null : JSON.stringify(input.events)
  const stored = db.$with('stored', { id: hooks.id }).as(sql`
    insert into ${hooks} (id, workspace_id, name, scheme, template, events, delivery_header, max_body_bytes, enabled, created_by, created_at, updated_at)
    select ${crypto.randomUUID()}::uuid, id, ${name}, ${scheme}, ${template}, ${events}::jsonb, ${input.delivery_header ?? null}, ${input.max_body_bytes ?? null}::int, ${input.enabled}, ${createdBy}, ${now}::timestamptz, ${now}::timestamptz
    from ${workspaces} where id = ${workspaceId}::uuid and status <> 'removed'
      and (select count(*) from ${hooks} where workspace_id = ${workspaceId}::uuid) < ${MAX_HOOKS}
    on conflict on constraint hooks_once do nothing returning id`)
  const secretStored = db.$with('secret_stored', {}).as(sql`
    insert into ${hookSecrets} (id, hook_id, key_id, sealed, created_at)
    select ${crypto.randomUUID()}::uuid, id, ${keyId}, ${sealed}, ${now}::timestamptz from stored returning id`)
  const rows = await db.with(stored, secretStored).select().from(stored)
  if (rows.length === 0) throw await whyNotCreated(services, workspaceId, name)
  return { hook: await getHook(services, workspaceId, name), secret: generated }
}

/** Sorted by name. @throws DomainError `not_found` */
export async function listHooks(services: Store, workspaceId: string): Promise<Hook[]> {
  await getLivingWorkspace(services.db, workspaceId)
  return readHooks(services, workspaceId)
}

/** @throws DomainError `not_found` */
export async function getHook(services: Store, workspaceId: string, name: string): Promise<Hook> {
  const [hook] = await readHooks(services, workspaceId, name)
  if (hook !== undefined) return hook
  throw await hookNotFound(services, workspaceId, name)
}

/** @throws DomainError `not_found`; `invalid_input` for a delivery header of another scheme */
export async function updateHook(
  services: Store,
  workspaceId: string,
  name: string,
  input: z.infer<typeof UpdateHookInput>,
): Promise<Hook> {
  const { scheme } = await getHook(services, workspaceId, name)
  const problem = deliveryHeaderProblem(scheme, input.delivery_header ?? null)
  if (problem !== undefined) throw invalidField('delivery_header', problem)
  const { delivery_header: deliveryHeader, max_body_bytes: maxBodyBytes, ...others } = input
  const changes = Object.entries({ ...others, deliveryHeader, maxBodyBytes }).filter(
    ([, value]) => value !== undefined,
  )
  if (changes.length > 0) {
    await services.db
      .update(hooks)
      .set({ ...Object.fromEntries(changes), updatedAt: services.now() })
      .where(isThis(workspaceId, name))
  }
  return getHook(services, workspaceId, name)
}

/** @throws DomainError `not_found` */
export async function deleteHook(services: Store, workspaceId: string, name: string): Promise<void> {
  const rows = await services.db.delete(hooks).where(isThis(workspaceId, name)).returning({ id: hooks.id })
  if (rows.length === 0) throw await hookNotFound(services, workspaceId, name)
}

/**
 * Sets a new secret. The previous one stays valid for a while, so that no delivery is refused until the sender uses
 * the new one.
 * @throws DomainError `not_found`; `invalid_input` where the sender must issue the secret; `misconfigured`
 */
export async function rotateHook(
  services: Context,
  workspaceId: string,
  name: string,
  input: z.infer<typeof RotateHookInput>,
): Promise<HookWithSecret> {
  const { db } = services
  const key = sealingKey(services)
  const { id, scheme } = await getHook(services, workspaceId, name)
  const problem = secretProblem(scheme, input.secret ?? undefined)
  if (problem !== undefined) throw invalidField('secret', problem)
  const generated = input.secret == null ? generateSecret(scheme) : undefined
  const sealed = await seal(key, locationOfHook({ name, workspaceId }), generated ?? input.secret ?? '')
  const now = services.now()
  const ended = db
    .$with('ended', {})
    .as(sql`delete from ${hookSecrets} where hook_id = ${id}::uuid and expires_at is not null returning id`)
  const kept = db.$with('kept').as(
    db
      .update(hookSecrets)
      .set({ expiresAt: new Date(now.getTime() + input.overlap_hours * 3_600_000) })
      .where(and(eq(hookSecrets.hookId, id), isNull(hookSecrets.expiresAt)))
      .returning({ id: hookSecrets.id }),
  )
  const added = db.$with('added', { id: hookSecrets.id }).as(sql`
    insert into ${hookSecrets} (id, hook_id, key_id, sealed, created_at)
    select ${crypto.randomUUID()}::uuid, id, ${sealed.keyId}, ${sealed.sealed}, ${now.toISOString()}::timestamptz
    from ${hooks} where id = ${id}::uuid returning id`)
  const rows = await db.with(ended, kept, added).select().from(added)
  if (rows.length === 0) throw await hookNotFound(services, workspaceId, name)
  return { hook: await getHook(services, workspaceId, name), secret: generated }
}

const isThis = (workspaceId: string, name: string) =>
  and(eq(hooks.workspaceId, workspaceId), eq(hooks.name, name))

async function readHooks({ db, now }: Store, workspaceId: string, name?: string): Promise<Hook[]> {
  const rows = await db
    .select({
      hook: hooks,
      // The latest times; null where there is none.
      setAt: sql`max(${hookSecrets.createdAt}) filter (where ${hookSecrets.expiresAt} is null)`.mapWith(
        hookSecrets.createdAt,
      ),
      until: sql`max(${hookSecrets.expiresAt})`.mapWith(hookSecrets.createdAt),
    })
    .from(hooks)
    .innerJoin(workspaces, eq(workspaces.id, hooks.workspaceId))
    .leftJoin(hookSecrets, eq(hookSecrets.hookId, hooks.id))
    .where(
      and(
        eq(hooks.workspaceId, workspaceId),
        name === undefined ? undefined : eq(hooks.name, name),
        sql`${workspaces.status} <> 'removed'`,
      ),
    )
    .groupBy(hooks.id)
    .orderBy(asc(hooks.name))
  return rows.map(({ hook, setAt, until }) => ({
    ...hook,
    scheme: toScheme(hook.scheme),
    secretSetAt: setAt,
    previousSecretUntil: until !== null && until > now() ? until : null,
  }))
}

/** @throws Error for a scheme that this version does not know */
export function toScheme(text: string): Scheme {
  const scheme = SCHEMES.find((one) => one === text)
  if (scheme === undefined) throw new Error(`unknown webhook scheme: ${text}`)
  return scheme
}

/** 256 random bits, in the form that the scheme's senders accept. */
function generateSecret(scheme: Scheme): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return scheme === 'standard' ? `whsec_${encodeBase64(bytes)}` : encodeBase64Url(bytes)
}

/** The error for an unknown hook. @throws DomainError `not_found` for an unknown workspace */
async function hookNotFound({ db }: Store, workspaceId: string, name: string): Promise<DomainError> {
  await getLivingWorkspace(db, workspaceId)
  return new DomainError('not_found', `the workspace has no hook ${name}`)
}

/** The error when nothing was stored. */
async function whyNotCreated(services: Store, workspaceId: string, name: string): Promise<Error> {
  await getLivingWorkspace(services.db, workspaceId)
  const taken = await readHooks(services, workspaceId, name)
  return new DomainError(
    'conflict',
    taken.length > 0
      ? `the hook ${name} already exists: change it, or choose another name`
      : `the workspace already has ${MAX_HOOKS} hooks: delete one first`,
  )
}
