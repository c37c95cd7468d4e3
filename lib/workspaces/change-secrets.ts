// Saves and deletes secrets. The change, the new spec version of affected workspaces, and their events are one
// statement. Nothing is saved while stored secrets cannot be decrypted: then the key is a wrong one, not a new one.
import type { Context } from '../config/context.ts'
import type { Store } from '../platform/context.ts'
import { sealingKey } from '../secrets/sealing-key.ts'
import { type SQL, sql } from 'drizzle-orm'
import { secrets, workspaces } from '../../drizzle/schema/index.ts'
import { DomainError, workspaceNotFound } from '../platform/errors.ts'
import { appendEvents } from '../lifecycle/transition.ts'
import { findSecret, UNREADABLE_HINT } from '../secrets/read-secrets.ts'
import { keyIdOf, seal, type SecretLocation, type Sealed, Unreadable, unseal } from '../secrets/seal.ts'
import { MOST_SECRETS } from '../secrets/secret-input.ts'

/**
 * Saves a value. Saving the same value again changes nothing.
 * @throws DomainError `misconfigured` without a key, or with a wrong one; `not_found` for a workspace that is unknown
 *   or removed;
 *   `conflict` when there are too many
 */
export async function saveSecret(services: Context, place: SecretLocation, value: string): Promise<void> {
  const key = sealingKey(services)
  const before = await findSecret(services.db, place)
  if (before !== undefined && (await isSame(services, place, before, value))) return
  const now = services.now()
  const { keyId, sealed } = await seal(key, place, value)
  const { workspaceId } = place
  const ids = await Promise.all(services.config.secretKeys.map(keyIdOf))
  const stored = sql`insert into ${secrets} (id, workspace_id, key, key_id, sealed, created_at, updated_at)
    select ${crypto.randomUUID()}::uuid, ${workspaceId}::uuid, ${place.key}, ${keyId}, ${sealed}, ${now.toISOString()}::timestamptz, ${now.toISOString()}::timestamptz
    where not exists (select from ${secrets} where ${sealedWithOthers(ids)})
      and (${workspaceId}::uuid is null
        or exists (select from ${workspaces} where id = ${workspaceId}::uuid and status <> 'removed'))
      and (select count(*) from ${secrets} where workspace_id is not distinct from ${workspaceId}::uuid and key <> ${place.key}) < ${MOST_SECRETS}
    on conflict on constraint secrets_once do update
      set key_id = excluded.key_id, sealed = excluded.sealed, updated_at = excluded.updated_at
    returning key`
  if (!(await change(services, place, stored, 'secret_saved', now))) throw await refusal(services, place, ids)
}

/** @throws DomainError `not_found` */
export async function deleteSecret(services: Store, place: SecretLocation): Promise<void> {
  const { key, workspaceId } = place
  const deleted = sql`delete from ${secrets}
    where workspace_id is not distinct from ${workspaceId}::uuid and key = ${key} returning key`
  if (!(await change(services, place, deleted, 'secret_deleted', services.now()))) {
    throw new DomainError('not_found', `there is no secret ${key} here`)
  }
}

const sealedWithOthers = (ids: string[]): SQL =>
  sql`not (key_id = any(array[${sql.join(ids, sql`, `)}]::text[]))`

async function isSame(
  services: Context,
  place: SecretLocation,
  before: Sealed,
  value: string,
): Promise<boolean> {
  try {
    return (await unseal(services.config.secretKeys, place, before)) === value
  } catch (error) {
    if (error instanceof Unreadable) return false
    throw error
  }
}

/** @returns false when the statement changed nothing */
async function change(
  services: Store,
  { key, workspaceId }: SecretLocation,
  statement: SQL,
  event: 'secret_saved' | 'secret_deleted',
  now: Date,
): Promise<boolean> {
  const { db } = services
  const changed = db.$with('changed', { key: secrets.key }).as(statement)
  // A workspace with its own secret of that name does not get the global one.
  const gets =
    workspaceId === null
      ? sql`not exists (select from ${secrets} own where own.workspace_id = ${workspaces.id} and own.key = ${key})`
      : sql`${workspaces.id} = ${workspaceId}::uuid`
  const marked = db.$with('marked').as(
    db
      .update(workspaces)
      .set({ specVersion: sql`${workspaces.specVersion} + 1`, updatedAt: now })
      .where(sql`exists (select from changed) and ${workspaces.status} <> 'removed' and ${gets}`)
      .returning(),
  )
  const payload = { key, scope: scopeOf({ workspaceId }) }
  const logged = appendEvents(services, 'marked', { event, now, payload })
  const rows = await db.with(changed, marked, logged).select({ key: changed.key }).from(changed)
  return rows.length > 0
}

export const scopeOf = ({ workspaceId }: Pick<SecretLocation, 'workspaceId'>) =>
  workspaceId === null ? ('global' as const) : ('workspace' as const)

/** Why nothing was saved. */
async function refusal(services: Store, { workspaceId }: SecretLocation, ids: string[]): Promise<Error> {
  const [found] = await services.db
    .select({ keyId: secrets.keyId })
    .from(secrets)
    .where(sealedWithOthers(ids))
    .limit(1)
  if (found !== undefined) {
    const message = `nothing is saved while stored secrets cannot be decrypted: they were sealed with key ${found.keyId}; ${UNREADABLE_HINT}`
    return new DomainError('misconfigured', message)
  }
  const [living] = await services.db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(sql`${workspaces.id} = ${workspaceId}::uuid and ${workspaces.status} <> 'removed'`)
  if (workspaceId !== null && living === undefined) return workspaceNotFound()
  return new DomainError('conflict', `there are ${MOST_SECRETS} secrets here already: delete one first`)
}
