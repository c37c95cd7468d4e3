// Gauges of deliveries that are still to be made, read when metrics are requested.
import type { Core } from '../platform/context.ts'
import { sql } from 'drizzle-orm'
import { controlPlane, events, webhookDeliveries, webhookEndpoints } from '../../drizzle/schema/index.ts'
import { lastSeq } from '../events/visible-seq.ts'

const ENDPOINT_STATES = ['ready', 'resting', 'disabled'] as const

/** Sets the gauges with one statement. */
export async function measureWebhooks({ db, metrics, now }: Core): Promise<void> {
  const at = sql`${now().toISOString()}::timestamptz`
  const waiting = sql`select e.at from ${webhookDeliveries} d join ${webhookEndpoints} w on w.id = d.endpoint_id
      join ${events} e on e.seq = d.seq where d.state = 'pending' and w.disabled_at is null
    union all select (select e.at from ${events} e where e.seq > w.after_seq and e.type <> 'audit'
      and (w.workspace_id is null or e.workspace_id = w.workspace_id) order by e.seq limit 1)
      from ${webhookEndpoints} w where w.disabled_at is null`
  const deliveries = (state: 'pending' | 'dead') =>
    sql<number>`(select count(*)::int from ${webhookDeliveries} where state = ${state})`
  const endpoints = (condition: ReturnType<typeof sql>) =>
    sql<number>`(select count(*)::int from ${webhookEndpoints} where ${condition})`
  const [row] = await db
    .select({
      ready: endpoints(sql`disabled_at is null and coalesce(rests_until <= ${at}, true)`),
      resting: endpoints(sql`disabled_at is null and rests_until > ${at}`),
      disabled: endpoints(sql`disabled_at is not null`),
      pending: deliveries('pending'),
      dead: deliveries('dead'),
      backlog:
        sql`(select coalesce(sum(greatest(0, ${lastSeq} - after_seq)), 0) from ${webhookEndpoints} where disabled_at is null)`.mapWith(
          Number,
        ),
      oldest:
        sql`(select coalesce(extract(epoch from ${at} - min(at)), 0) from (${waiting}) waiting)`.mapWith(
          Number,
        ),
    })
    .from(controlPlane)
  if (row === undefined) return
  for (const state of ENDPOINT_STATES) metrics.set('molecule_webhook_endpoints', row[state], { state })
  metrics.set('molecule_webhook_pending', row.pending)
  metrics.set('molecule_webhook_dead', row.dead)
  metrics.set('molecule_webhook_backlog', row.backlog)
  metrics.set('molecule_webhook_oldest_seconds', Math.max(0, row.oldest))
}
