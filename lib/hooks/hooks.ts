// Hooks of a workspace: made, listed, changed, deleted, and their secrets changed without a gap. Secrets are sealed where they
// are stored and shown once, if they were made here.
import type { Context } from '../config/context.ts'
import type { Store } from '../platform/context.ts'
import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { hooks, hookSecrets, workspaces } from '../../drizzle/schema/index.ts'
import { encodeBase64, encodeBase64Url } from '../platform/encoding.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { sealingKey } from '../secrets/sealing-key.ts'
import { placeOfHook, seal } from '../secrets/seal.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import {
  type CreateHookInput,
  deliveryHeaderProblem,
  type RotateHookInput,
  secretProblem,
  type UpdateHookInput,
} from './hook-input.ts'
import { type Scheme, SCHEMES } from './verify.ts'

/** Hooks of one workspace, at most. */
export const MOST_HOOKS = 50

export type Hook = Omit<typeof hooks.$inferSelect, 'scheme'> & {
  scheme: Scheme
  /** When its secret was set; null: it has none that could be read, and takes nothing until one is set. */
  secretSetAt: Date | null
  /** Until when the secret before that is good; null: it is not. */
  previousSecretUntil: Date | null
}

/** With the secret, when it was made here: shown this once. */
export type HookWithSecret = { hook: Hook; secret: string | undefined }

/**
 * @param createdBy a caller's key
 * @throws DomainError `misconfigured` without a key to seal with; `not_found`; `conflict` when its name is taken or there are too
 *   many
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
  const made = input.secret == null ? makeSecret(scheme) : undefined
  const { keyId, sealed } = await seal(key, placeOfHook({ name, workspaceId }), made ?? input.secret ?? '')
  const now = services.now().toISOString()
  const events = input.events == null ? null : JSON.stringify(input.events)
  const stored = db.$with('stored', { id: hooks.id }).as(sql`
    insert into ${hooks} (id, workspace_id, name, scheme, template, events, delivery_header, enabled, created_by, created_at, updated_at)
    select ${crypto.randomUUID()}::uuid, id, ${name}, ${scheme}, ${template}, ${events}::jsonb, ${input.delivery_header ?? null}, ${input.enabled}, ${createdBy}, ${now}::timestamptz, ${now}::timestamptz
    from ${workspaces} where id = ${workspaceId}::uuid and status <> 'removed'
      and (select count(*) from ${hooks} where workspace_id = ${workspaceId}::uuid) < ${MOST_HOOKS}
    on conflict on constraint hooks_once do nothing returning id`)
  const locked = db.$with('locked', {}).as(sql`
    insert into ${hookSecrets} (id, hook_id, key_id, sealed, created_at)
    select ${crypto.randomUUID()}::uuid, id, ${keyId}, ${sealed}, ${now}::timestamptz from stored returning id`)
  const rows = await db.with(stored, locked).select().from(stored)
  if (rows.length === 0) throw await refusal(services, workspaceId, name)
  return { hook: await getHook(services, workspaceId, name), secret: made }
}

/** By name. @throws DomainError `not_found` */
export async function listHooks(services: Store, workspaceId: string): Promise<Hook[]> {
  await getLivingWorkspace(services.db, workspaceId)
  return readHooks(services, workspaceId)
}

/** @throws DomainError `not_found` */
export async function getHook(services: Store, workspaceId: string, name: string): Promise<Hook> {
  const [hook] = await readHooks(services, workspaceId, name)
  if (hook !== undefined) return hook
  throw await absence(services, workspaceId, name)
}

/** @throws DomainError `not_found`; `invalid_input` for a header that its scheme does not ask for */
export async function updateHook(
  services: Store,
  workspaceId: string,
  name: string,
  input: z.infer<typeof UpdateHookInput>,
): Promise<Hook> {
  const { scheme } = await getHook(services, workspaceId, name)
  const problem = deliveryHeaderProblem(scheme, input.delivery_header ?? null)
  if (problem !== undefined) throw invalidField('delivery_header', problem)
  const { delivery_header: deliveryHeader, ...others } = input
  const changes = Object.entries({ ...others, deliveryHeader }).filter(([, value]) => value !== undefined)
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
  if (rows.length === 0) throw await absence(services, workspaceId, name)
}

/**
 * Sets another secret. The one before is good for a while, so that nothing is refused while its sender is told.
 * @throws DomainError `not_found`; `invalid_input` where its sender must issue it; `misconfigured`
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
  const made = input.secret == null ? makeSecret(scheme) : undefined
  const sealed = await seal(key, placeOfHook({ name, workspaceId }), made ?? input.secret ?? '')
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
  if (rows.length === 0) throw await absence(services, workspaceId, name)
  return { hook: await getHook(services, workspaceId, name), secret: made }
}

const isThis = (workspaceId: string, name: string) =>
  and(eq(hooks.workspaceId, workspaceId), eq(hooks.name, name))

async function readHooks({ db, now }: Store, workspaceId: string, name?: string): Promise<Hook[]> {
  const rows = await db
    .select({
      hook: hooks,
      // Their latest times; null where there is none.
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

/** @throws Error for what no version of ours has stored */
export function toScheme(text: string): Scheme {
  const scheme = SCHEMES.find((one) => one === text)
  if (scheme === undefined) throw new Error(`no such scheme: ${text}`)
  return scheme
}

/** 256 random bits, in the form that the scheme's senders take. */
function makeSecret(scheme: Scheme): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return scheme === 'standard' ? `whsec_${encodeBase64(bytes)}` : encodeBase64Url(bytes)
}

/** Why it is not there: the workspace is not either, or it has no such hook. */
async function absence({ db }: Store, workspaceId: string, name: string): Promise<DomainError> {
  await getLivingWorkspace(db, workspaceId)
  return new DomainError('not_found', `there is no hook ${name} here`)
}

/** Why nothing was stored. */
async function refusal(services: Store, workspaceId: string, name: string): Promise<Error> {
  await getLivingWorkspace(services.db, workspaceId)
  const taken = await readHooks(services, workspaceId, name)
  return new DomainError(
    'conflict',
    taken.length > 0
      ? `there is a hook ${name} already: change it, or choose another name`
      : `there are ${MOST_HOOKS} hooks already: delete one first`,
  )
}
