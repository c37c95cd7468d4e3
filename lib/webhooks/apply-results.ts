// Stores the results of a batch in one statement: how far the log has been read, which deliveries are kept, and the
// endpoint's health. Only the holder of the lease may store them; results of others are dropped, and their events are
// delivered again.
import type { Store } from '../platform/context.ts'
import { and, eq, gt, sql } from 'drizzle-orm'
import { webhookDeliveries, webhookEndpoints } from '../../drizzle/schema/index.ts'
import { appendEvent } from '../events/append-event.ts'
import { holdsLease, LEASE_END } from '../platform/lease.ts'
import type { BatchResult } from './batch.ts'
import type { Claimed } from './claim.ts'
import type { Health } from './health.ts'

/** @returns the endpoint with its lease extended; undefined when another process has it, or it was removed */
export async function applyResults(
  { db, now }: Pick<Store, 'db' | 'now'>,
  { id, leaseId }: Claimed,
  { after, delivered, kept }: BatchResult,
  health: Health,
): Promise<Claimed | undefined> {
  const at = now()
  const { disable, recovered, ...seen } = health
  const ours = db.$with('ours').as(
    db
      .update(webhookEndpoints)
      .set({
        ...seen,
        afterSeq: after,
        leasedUntil: LEASE_END,
        ...(disable === undefined
          ? {}
          : {
              disabledAt: sql`coalesce(${webhookEndpoints.disabledAt}, ${at.toISOString()}::timestamptz)`,
              disabledReason: sql`coalesce(${webhookEndpoints.disabledReason}, ${disable})`,
            }),
      })
      .where(holdsLease(webhookEndpoints, { id, leaseId }))
      .returning(),
  )
  const isOurs = sql`exists (select from ours)`
  const isOfIt = eq(webhookDeliveries.endpointId, id)
  const removed = db.$with('removed').as(
    db
      .delete(webhookDeliveries)
      .where(and(isOfIt, sql`${webhookDeliveries.seq} = any(${numbers(delivered)})`, isOurs))
      .returning({ seq: webhookDeliveries.seq }),
  )
  const rows = kept.map((one) => ({
    seq: one.seq,
    lane: one.lane,
    state: one.state,
    attempts: one.attempts,
    first_attempt_at: one.firstAttemptAt,
    next_attempt_at: one.nextAttemptAt,
    last_failure: one.lastFailure,
  }))
  const stored = db.$with('stored', { seq: webhookDeliveries.seq }).as(
    sql`insert into ${webhookDeliveries} as d
        (endpoint_id, seq, lane, state, attempts, first_attempt_at, next_attempt_at, last_failure, dead_at)
      select ${id}::uuid, seq, lane, state::webhook_delivery_state, attempts, first_attempt_at, next_attempt_at, last_failure,
        case when state = 'dead' then ${at.toISOString()}::timestamptz end
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as one(seq bigint, lane text, state text, attempts int,
        first_attempt_at timestamptz, next_attempt_at timestamptz, last_failure jsonb)
      where ${isOurs}
      on conflict (endpoint_id, seq) do update set state = excluded.state, attempts = excluded.attempts,
        first_attempt_at = excluded.first_attempt_at, next_attempt_at = excluded.next_attempt_at,
        last_failure = excluded.last_failure, dead_at = excluded.dead_at
      where excluded.last_failure is not null
      returning d.seq`,
  )
  const recalled = db.$with('recalled').as(
    db
      .update(webhookDeliveries)
      .set({ nextAttemptAt: null })
      .where(
        and(
          isOfIt,
          eq(webhookDeliveries.state, 'pending'),
          gt(webhookDeliveries.nextAttemptAt, at),
          sql`${recovered}::boolean and not (${webhookDeliveries.seq} = any(${numbers(kept.map(({ seq }) => seq))}))`,
          isOurs,
        ),
      )
      .returning({ seq: webhookDeliveries.seq }),
  )
  const logged = appendEvent(db, 'ours', {
    event: 'webhook_endpoint_disabled',
    now: at,
    payload: sql`jsonb_build_object('endpoint_id', id, 'url', url, 'reason', disabled_reason, 'last_failure', last_failure)`,
    where: sql`${disable !== undefined}::boolean and disabled_at = ${at.toISOString()}::timestamptz`,
  })
  const [row] = await db.with(ours, removed, stored, recalled, logged).select().from(ours)
  return row === undefined ? undefined : { ...row, leaseId }
}

const numbers = (list: readonly number[]) => sql`string_to_array(${list.join(',')}, ',')::bigint[]`

/**
 * Continues after events that the log no longer has, and records the gap on the endpoint and in the log.
 * @param to the last sequence number that was deleted
 * @returns the endpoint; undefined when another process has it
 */
export async function skipExpiredEvents(
  { db, now }: Pick<Store, 'db' | 'now'>,
  { afterSeq, id, leaseId }: Claimed,
  to: number,
): Promise<Claimed | undefined> {
  const at = now()
  const gap = { from: afterSeq + 1, to }
  const ours = db.$with('ours').as(
    db
      .update(webhookEndpoints)
      .set({ afterSeq: gap.to, missed: { ...gap, at: at.toISOString() } })
      .where(holdsLease(webhookEndpoints, { id, leaseId }))
      .returning(),
  )
  const logged = appendEvent(db, 'ours', {
    event: 'webhook_events_missed',
    now: at,
    payload: sql`${JSON.stringify({ endpoint_id: id, ...gap })}::jsonb`,
  })
  const [row] = await db.with(ours, logged).select().from(ours)
  return row === undefined ? undefined : { ...row, leaseId }
}
