// Commands for webhook endpoints: create, list, change, remove, and rotate the signing secret.
import type { Context } from '../config/context.ts'
import type { Store } from '../platform/context.ts'
import { asc, eq, getTableColumns, type SQL, sql } from 'drizzle-orm'
import {
  controlPlane,
  webhookDeliveries,
  webhookEndpoints,
  webhookSecrets,
  workspaces,
} from '../../drizzle/schema/index.ts'
import { appendEvent } from '../events/append-event.ts'
import { lastSeq } from '../events/visible-seq.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { NO_LEASE } from '../platform/lease.ts'
import { rejectTarget, targetPolicy } from '../egress/egress-policy.ts'
import type { CreateEndpoint, UpdateEndpoint } from './endpoint-input.ts'
import { mintSigningSecret } from './signing-secrets.ts'

export type WebhookEndpoint = typeof webhookEndpoints.$inferSelect

/** An endpoint with the number of its stored deliveries, and the last sequence number of the log. */
export type ListedEndpoint = { endpoint: WebhookEndpoint; pending: number; dead: number; last: number }

/** Each endpoint is one request per event. */
export const MOST_ENDPOINTS = 50

const endpointNotFound = () =>
  new DomainError('not_found', 'webhook endpoint not found; GET /webhook-endpoints lists them')

/**
 * @returns the endpoint, and its secret, which is shown only here
 * @throws DomainError `invalid_input`; `misconfigured` without SECRETS_ENCRYPTION_KEY; `conflict` when there are too
 *   many
 */
export async function createEndpoint(
  services: Context,
  input: CreateEndpoint,
  createdBy: string,
): Promise<{ listed: ListedEndpoint; secret: string }> {
  const { db, now } = services
  await checkInput(services, input)
  const id = crypto.randomUUID()
  const { row, secret } = await mintSigningSecret(services, id)
  const at = now().toISOString()
  const made = db.$with('made', getTableColumns(webhookEndpoints)).as(
    sql`insert into ${webhookEndpoints}
        (id, url, types, workspace_id, description, ordered, created_by, created_at, updated_at, disabled_at, disabled_reason, after_seq)
      select ${id}::uuid, ${input.url}, ${JSON.stringify(unique(input.types))}::jsonb, ${input.workspace_id}::uuid,
        ${input.description}, ${input.ordered}::boolean, ${createdBy}, ${at}::timestamptz, ${at}::timestamptz,
        ${input.enabled ? null : at}::timestamptz, ${input.enabled ? null : 'asked'}::text,
        coalesce(${input.after ?? null}::bigint, ${lastSeq})
      where (select count(*) from ${webhookEndpoints}) < ${MOST_ENDPOINTS}
      returning *`,
  )
  const sealed = db.$with('sealed', { id: webhookSecrets.id }).as(
    sql`insert into ${webhookSecrets} (id, endpoint_id, key_id, sealed, created_at, updated_at)
      select ${row.id}::uuid, id, ${row.keyId}, ${row.sealed}, ${at}::timestamptz, ${at}::timestamptz from made returning id`,
  )
  const [endpoint] = await db.with(made, sealed).select().from(made)
  if (endpoint === undefined)
    throw new DomainError(
      'conflict',
      `there are ${MOST_ENDPOINTS} webhook endpoints already: delete one first`,
    )
  return { listed: { endpoint, pending: 0, dead: 0, last: endpoint.afterSeq }, secret }
}

/** All of them, the oldest first. */
export const listEndpoints = (services: Store): Promise<ListedEndpoint[]> => select(services)

/** @throws DomainError `not_found` */
export async function getEndpoint(services: Store, id: string): Promise<ListedEndpoint> {
  const [found] = await select(services, eq(webhookEndpoints.id, id))
  if (found === undefined) throw endpointNotFound()
  return found
}

async function select({ db }: Store, where?: SQL): Promise<ListedEndpoint[]> {
  const count = (state: 'pending' | 'dead') =>
    sql<number>`(select count(*)::int from ${webhookDeliveries} d where d.endpoint_id = ${webhookEndpoints.id} and d.state = ${state})`
  return db
    .select({
      endpoint: webhookEndpoints,
      pending: count('pending'),
      dead: count('dead'),
      last: lastSeq,
    })
    .from(webhookEndpoints)
    .where(where)
    .orderBy(asc(webhookEndpoints.createdAt), asc(webhookEndpoints.id))
}

/**
 * Changes the given members. An endpoint that is enabled or gets another URL starts without its past failures, and at
 * once.
 * @throws DomainError `invalid_input`, `not_found`
 */
export async function updateEndpoint(
  services: Context,
  id: string,
  input: UpdateEndpoint,
): Promise<ListedEndpoint> {
  const { db, now } = services
  await checkInput(services, input)
  const { endpoint: before } = await getEndpoint(services, id)
  const at = now()
  const isEnabled = before.disabledAt === null
  const toggles = input.enabled !== undefined && input.enabled !== isEnabled
  const moved = input.url !== undefined && input.url !== before.url
  const startsAgain = moved || (toggles && input.enabled === true)
  // A delivery that is under way used the earlier settings: its result is discarded.
  const interrupts =
    moved || input.after !== undefined || input.types !== undefined || input.workspace_id !== undefined
  const changed = db.$with('changed').as(
    db
      .update(webhookEndpoints)
      .set({
        updatedAt: at,
        ...(input.url === undefined ? {} : { url: input.url }),
        ...(input.types === undefined ? {} : { types: unique(input.types) }),
        ...(input.workspace_id === undefined ? {} : { workspaceId: input.workspace_id }),
        ...(input.description === undefined ? {} : { description: input.description }),
        ...(input.ordered === undefined ? {} : { ordered: input.ordered }),
        ...(input.after === undefined ? {} : { afterSeq: input.after, missed: null }),
        ...(interrupts ? { ...NO_LEASE, dueAt: at } : {}),
        ...(toggles && input.enabled === false ? { disabledAt: at, disabledReason: 'asked' as const } : {}),
        ...(toggles && input.enabled === true ? { disabledAt: null, disabledReason: null } : {}),
        ...(startsAgain ? { failures: 0, failingSince: null, restsUntil: null, dueAt: at } : {}),
      })
      .where(
        sql`${webhookEndpoints.id} = ${id}::uuid and (${webhookEndpoints.disabledAt} is null) = ${isEnabled}::boolean`,
      )
      .returning(),
  )
  const payload = {
    endpoint_id: id,
    url: input.url ?? before.url,
    ...(input.enabled === true ? {} : { reason: 'asked' }),
    ...(services.by === undefined ? {} : { by: services.by }),
  }
  const logged = appendEvent(db, 'changed', {
    event: input.enabled === true ? 'webhook_endpoint_enabled' : 'webhook_endpoint_disabled',
    now: at,
    payload: sql`${JSON.stringify(payload)}::jsonb`,
    where: sql`${toggles}::boolean`,
  })
  const recalled = db.$with('recalled').as(
    db
      .update(webhookDeliveries)
      .set({ nextAttemptAt: null })
      .where(
        sql`${webhookDeliveries.endpointId} = (select id from changed) and ${webhookDeliveries.state} = 'pending' and ${startsAgain}::boolean`,
      )
      .returning({ seq: webhookDeliveries.seq }),
  )
  const rows = await db.with(changed, recalled, logged).select({ id: changed.id }).from(changed)
  if (rows.length === 0) {
    await getEndpoint(services, id)
    throw new DomainError(
      'conflict',
      'the endpoint was enabled or disabled by another request: read it again',
    )
  }
  return getEndpoint(services, id)
}

/** Removes it with its stored deliveries and secrets. @throws DomainError `not_found` */
export async function removeEndpoint({ db }: Store, id: string): Promise<void> {
  const rows = await db
    .delete(webhookEndpoints)
    .where(eq(webhookEndpoints.id, id))
    .returning({ id: webhookEndpoints.id })
  if (rows.length === 0) throw endpointNotFound()
}

/**
 * Creates another secret. Deliveries are signed with both until the overlap ends.
 * @returns the new secret, which is shown only here, and when the old one ends
 * @throws DomainError `not_found`, `misconfigured`
 */
export async function rotateSigningSecret(
  services: Context,
  id: string,
  overlapHours: number,
): Promise<{ secret: string; previousUntil: Date }> {
  const { db, now } = services
  const previousUntil = new Date(now().getTime() + overlapHours * 3_600_000)
  const { row, secret } = await mintSigningSecret(services, id)
  const ending = db.$with('ending').as(
    db
      .update(webhookSecrets)
      .set({
        expiresAt: sql`least(coalesce(${webhookSecrets.expiresAt}, 'infinity'), ${previousUntil.toISOString()}::timestamptz)`,
      })
      .where(eq(webhookSecrets.endpointId, id))
      .returning({ id: webhookSecrets.id }),
  )
  const at = row.createdAt.toISOString()
  const made = db.$with('made', { id: webhookSecrets.id }).as(
    sql`insert into ${webhookSecrets} (id, endpoint_id, key_id, sealed, created_at, updated_at)
      select ${row.id}::uuid, id, ${row.keyId}, ${row.sealed}, ${at}::timestamptz, ${at}::timestamptz
      from ${webhookEndpoints} where id = ${id}::uuid returning id`,
  )
  const rows = await db.with(ending, made).select().from(made)
  if (rows.length === 0) throw endpointNotFound()
  return { secret, previousUntil }
}

const unique = (types: readonly string[]) => [...new Set(types)]

async function checkInput(services: Context, input: UpdateEndpoint): Promise<void> {
  if (input.url !== undefined) {
    const refusal = rejectTarget(targetPolicy(services.config), new URL(input.url))
    if (refusal !== undefined) throw invalidField('url', refusal)
  }
  if (input.workspace_id != null) {
    const [found] = await services.db
      .select({ id: workspaces.id })
      .from(workspaces)
      .where(eq(workspaces.id, input.workspace_id))
    if (found === undefined) throw invalidField('workspace_id', 'there is no such workspace')
  }
  if (input.after !== undefined) {
    const [log] = await services.db.select({ last: lastSeq }).from(controlPlane)
    if (log !== undefined && input.after > log.last)
      throw invalidField('after', `must be at most ${log.last}, the number of the newest event`)
  }
}
