// The deliveries that are stored for an endpoint: failed ones with a next attempt, those that wait for them, and
// those that were given up; and the command that delivers the latter again.
import type { Store } from '../platform/context.ts'
import { and, asc, eq, gt, isNotNull, lt, sql } from 'drizzle-orm'
import { events, webhookDeliveries, webhookEndpoints, webhookSecrets } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'
import { getEndpoint } from './endpoints.ts'

export const DELIVERY_STATES = ['pending', 'dead'] as const

export type KeptDelivery = {
  kept: typeof webhookDeliveries.$inferSelect
  /** Null when the log no longer has the event. */
  event: { type: string; workspaceId: string | null; at: Date } | null
}

/** Days for which a delivery that was given up is kept. */
const KEPT_DAYS = 30

/**
 * Kept deliveries in the order of their events.
 * @param after a sequence number to go on from
 * @throws DomainError `not_found`
 */
export async function listDeliveries(
  services: Store,
  endpointId: string,
  query: { state?: (typeof DELIVERY_STATES)[number] | undefined; after: number; limit: number },
): Promise<KeptDelivery[]> {
  const rows = await services.db
    .select({
      kept: webhookDeliveries,
      event: { type: events.type, workspaceId: events.workspaceId, at: events.at },
    })
    .from(webhookDeliveries)
    .leftJoin(events, eq(events.seq, webhookDeliveries.seq))
    .where(
      and(
        eq(webhookDeliveries.endpointId, endpointId),
        gt(webhookDeliveries.seq, query.after),
        query.state === undefined ? undefined : eq(webhookDeliveries.state, query.state),
      ),
    )
    .orderBy(asc(webhookDeliveries.seq))
    .limit(query.limit)
  if (rows.length === 0) await getEndpoint(services, endpointId)
  return rows
}

/**
 * Makes deliveries that were given up pending again, with all attempts before them.
 * @param seq one of them; without it, all whose event the log still has
 * @returns how many
 * @throws DomainError `not_found`; `conflict` where the endpoint is disabled; `gone` where the log no longer has the
 *   event
 */
export async function replayDeliveries(services: Store, endpointId: string, seq?: number): Promise<number> {
  const { db, now } = services
  const isEnabled = sql`exists (select from ${webhookEndpoints} where id = ${endpointId}::uuid and disabled_at is null)`
  const replayed = db.$with('replayed').as(
    db
      .update(webhookDeliveries)
      .set({ state: 'pending', attempts: 0, firstAttemptAt: null, nextAttemptAt: null, deadAt: null })
      .where(
        and(
          eq(webhookDeliveries.endpointId, endpointId),
          eq(webhookDeliveries.state, 'dead'),
          seq === undefined ? undefined : eq(webhookDeliveries.seq, seq),
          sql`exists (select from ${events} where seq = ${webhookDeliveries.seq})`,
          isEnabled,
        ),
      )
      .returning({ seq: webhookDeliveries.seq }),
  )
  const due = db.$with('due').as(
    db
      .update(webhookEndpoints)
      .set({ dueAt: now() })
      .where(sql`${webhookEndpoints.id} = ${endpointId}::uuid and exists (select from replayed)`)
      .returning({ id: webhookEndpoints.id }),
  )
  const [row] = await db
    .with(replayed, due)
    .select({ count: sql<number>`count(*)::int` })
    .from(replayed)
  const count = row?.count ?? 0
  if (count === 0) await explainNone(services, endpointId, seq)
  return count
}

/** @throws DomainError with the reason, if there is one */
async function explainNone(services: Store, endpointId: string, seq: number | undefined): Promise<void> {
  const { endpoint } = await getEndpoint(services, endpointId)
  if (endpoint.disabledAt !== null)
    throw new DomainError('conflict', 'the endpoint is disabled: enable it first')
  if (seq === undefined) return
  const [found] = await listDeliveries(services, endpointId, { after: seq - 1, limit: 1 })
  if (found?.kept.seq !== seq)
    throw new DomainError('not_found', 'there is no such delivery: successful deliveries are not kept')
  if (found.event === null)
    throw new DomainError(
      'gone',
      'the event is older than EVENTS_RETENTION_DAYS, and the log no longer has it',
    )
  throw new DomainError('conflict', 'the delivery is pending already: it is attempted without a replay')
}

/** Deletes deliveries that were given up long ago, and expired secrets. */
export async function deleteExpiredDeliveries({ db, now }: Store): Promise<void> {
  const before = new Date(now().getTime() - KEPT_DAYS * 86_400_000)
  await deleteInBatches((limit) =>
    db
      .delete(webhookDeliveries)
      .where(
        sql`(${webhookDeliveries.endpointId}, ${webhookDeliveries.seq}) in (
          select endpoint_id, seq from ${webhookDeliveries} where state = 'dead' and dead_at < ${before.toISOString()}::timestamptz
          limit ${limit})`,
      )
      .returning({ seq: webhookDeliveries.seq }),
  )
  await db
    .delete(webhookSecrets)
    .where(and(isNotNull(webhookSecrets.expiresAt), lt(webhookSecrets.expiresAt, now())))
}
