// Which process delivers to which endpoint: one at a time, by a lease. So two replicas never deliver the same event,
// and the order of events is kept.
import type { Store } from '../platform/context.ts'
import { isNotNull, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Database } from '../../drizzle/database.ts'
import { webhookDeliveries, webhookEndpoints } from '../../drizzle/schema/index.ts'
import { lastSeq } from '../events/visible-seq.ts'
import { holdsLease, isFree, newLease, NO_LEASE } from '../platform/lease.ts'
import type { WebhookEndpoint } from './endpoints.ts'

/** An endpoint with the lease of this process. */
export type Claimed = WebhookEndpoint & { leaseId: string }

/**
 * Takes the free leases of endpoints that have something to deliver.
 * @param except endpoints that this pass has served already
 */
export async function claimEndpoints(
  { db, now }: Pick<Store, 'db' | 'now'>,
  limit: number,
  except: readonly string[],
): Promise<Claimed[]> {
  const at = now().toISOString()
  const lease = newLease()
  const endpoint = alias(webhookEndpoints, 'endpoint')
  // An array is evaluated once. A subquery might be evaluated for every row, and claim more than the limit.
  const due = sql`array(
    select endpoint.id from ${webhookEndpoints} endpoint
    where endpoint.disabled_at is null
      and ${isFree(endpoint)}
      and (endpoint.rests_until is null or endpoint.rests_until <= ${at}::timestamptz)
      and (endpoint.due_at <= ${at}::timestamptz or endpoint.after_seq < ${lastSeq})
      and not (endpoint.id = any(string_to_array(${except.join(',')}, ',')::uuid[]))
    order by endpoint.due_at, endpoint.id limit ${limit} for no key update skip locked)`
  const rows = await db
    .update(webhookEndpoints)
    // Due until it is released, so that it stays due if this process dies.
    .set({ ...lease, dueAt: now() })
    .where(sql`${webhookEndpoints.id} = any(${due})`)
    .returning()
  return rows.map((row) => ({ ...row, leaseId: lease.leaseId }))
}

/** Releases an endpoint, due when the first of its lanes is. */
export async function releaseEndpoint({ db, now }: Store, claimed: Claimed): Promise<void> {
  const heads = sql`select distinct on (d.lane) d.next_attempt_at from ${webhookDeliveries} d
    where d.endpoint_id = ${claimed.id}::uuid and d.state = 'pending' order by d.lane, d.seq`
  await db
    .update(webhookEndpoints)
    .set({
      ...NO_LEASE,
      dueAt: sql`(select min(coalesce(head.next_attempt_at, ${now().toISOString()}::timestamptz)) from (${heads}) head)`,
    })
    .where(holdsLease(webhookEndpoints, claimed))
}

/** Ends all leases. Only for a process that is alone with its database, where every holder is gone at the start. */
export async function releaseAllEndpoints(db: Database): Promise<void> {
  await db.update(webhookEndpoints).set(NO_LEASE).where(isNotNull(webhookEndpoints.leasedUntil))
}
