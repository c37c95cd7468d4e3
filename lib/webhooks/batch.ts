// What an endpoint is to be told next: first what was kept for it and is due, then the log onwards from where it was left. And,
// once told or not, what becomes of each. An endpoint that keeps up costs no row but its own.
import type { Core } from '../platform/context.ts'
import { and, asc, eq, sql } from 'drizzle-orm'
import { events, type StoredAttempt, webhookDeliveries } from '../../drizzle/schema/index.ts'
import { EVENT_TYPE_NAMES, isEventType } from '../events/event-types.ts'
import { readEvents, type StoredEvent } from '../events/read-events.ts'
import { EVERY_TYPE } from './endpoint-input.ts'
import type { WebhookEndpoint } from './endpoints.ts'
import { nextAttemptAt, type Random } from './retry.ts'
import type { AttemptOutcome } from './send.ts'

export type Item = {
  seq: number
  lane: string
  /** Undefined when the log has forgotten it. */
  event: StoredEvent | undefined
  attempts: number
  firstAttemptAt: Date | null
  /** Kept already, as a row. */
  isKept: boolean
}

export type Batch = {
  items: Item[]
  /** Lanes in which an earlier delivery waits for its time. */
  blocked: ReadonlySet<string>
  /** Up to where the log is taken up when every item is settled. */
  after: number
}

type Reading = Pick<Core, 'db' | 'now' | 'sleep'>

/** @param limit of events, and so of what is held in memory */
export async function readBatch(services: Reading, endpoint: WebhookEndpoint, limit: number): Promise<Batch> {
  const kept = await readDue(services, endpoint, limit)
  if (kept.length > 0) return { items: kept, blocked: new Set(), after: endpoint.afterSeq }
  const page = await readEvents(services, {
    after: endpoint.afterSeq,
    limit,
    workspaceId: endpoint.workspaceId ?? undefined,
    types: typesOf(endpoint),
  })
  return {
    items: page.events.map((event) => ({
      seq: event.seq,
      // What is about no workspace has a lane of its own.
      lane: endpoint.ordered ? (event.workspaceId ?? '') : String(event.seq),
      event,
      attempts: 0,
      firstAttemptAt: null,
      isKept: false,
    })),
    blocked: page.events.length === 0 ? new Set() : await readLanes(services, endpoint.id),
    after: page.next,
  }
}

// `audit` is told to those alone who name it.
function typesOf({ types }: WebhookEndpoint) {
  if (!types.includes(EVERY_TYPE)) return types.filter(isEventType)
  return types.includes('audit') ? EVENT_TYPE_NAMES : undefined
}

/** Kept deliveries in the lanes whose first one is due, in order. */
async function readDue({ db, now }: Reading, { id }: WebhookEndpoint, limit: number): Promise<Item[]> {
  const at = now().toISOString()
  const rows = await db
    .select({ kept: webhookDeliveries, event: events })
    .from(webhookDeliveries)
    .leftJoin(events, eq(events.seq, webhookDeliveries.seq))
    .where(
      and(
        eq(webhookDeliveries.endpointId, id),
        eq(webhookDeliveries.state, 'pending'),
        sql`${webhookDeliveries.lane} in (
          select head.lane from (
            select distinct on (d.lane) d.lane, d.next_attempt_at from ${webhookDeliveries} d
            where d.endpoint_id = ${id}::uuid and d.state = 'pending' order by d.lane, d.seq) head
          where coalesce(head.next_attempt_at <= ${at}::timestamptz, true))`,
      ),
    )
    .orderBy(asc(webhookDeliveries.seq))
    .limit(limit)
  return rows.map(({ event, kept }) => ({
    seq: kept.seq,
    lane: kept.lane,
    event: event ?? undefined,
    attempts: kept.attempts,
    firstAttemptAt: kept.firstAttemptAt,
    isKept: true,
  }))
}

async function readLanes({ db }: Reading, endpointId: string): Promise<Set<string>> {
  const rows = await db
    .selectDistinct({ lane: webhookDeliveries.lane })
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.endpointId, endpointId), eq(webhookDeliveries.state, 'pending')))
  return new Set(rows.map(({ lane }) => lane))
}

/** A delivery as it is kept; one that was never tried keeps what is known of it. */
export type Kept = {
  seq: number
  lane: string
  state: 'pending' | 'dead'
  attempts: number
  firstAttemptAt: Date | null
  nextAttemptAt: Date | null
  lastFailure: StoredAttempt | null
}

export type BatchResult = { after: number; delivered: number[]; kept: Kept[] }

/**
 * What becomes of each item of a batch. What waits for an earlier one of its lane is kept. What was not reached stays in the log,
 * unless something after it was settled: then it is kept too.
 * @param outcomes of those that were tried, by their number
 */
export function commitBatch(
  { after, blocked, items }: Batch,
  outcomes: ReadonlyMap<number, AttemptOutcome>,
  now: Date,
  random: () => Random,
): BatchResult {
  const stuck = new Set(blocked)
  for (const { lane, seq } of items) if (outcomes.get(seq)?.kind === 'failed') stuck.add(lane)
  const isSettled = ({ event, isKept, lane, seq }: Item) =>
    isKept || event === undefined || outcomes.has(seq) || stuck.has(lane)
  const unreached = items[items.findLastIndex(isSettled) + 1]
  const settled = unreached === undefined ? items : items.filter(({ seq }) => seq < unreached.seq)
  const kept = settled.flatMap((item) => keep(item, outcomes.get(item.seq), now, random) ?? [])
  return {
    after: unreached === undefined ? after : unreached.seq - 1,
    delivered: settled.flatMap(({ seq }) => (outcomes.get(seq)?.kind === 'delivered' ? [seq] : [])),
    kept,
  }
}

/** @returns undefined when there is nothing to write down */
function keep(
  item: Item,
  outcome: AttemptOutcome | undefined,
  now: Date,
  random: () => Random,
): Kept | undefined {
  const { attempts, event, firstAttemptAt, isKept, lane, seq } = item
  const failure = (status: number | null, message: string) => ({ at: now.toISOString(), status, message })
  const asItWas = { seq, lane, attempts, firstAttemptAt, nextAttemptAt: null }
  if (event === undefined) {
    const lastFailure = failure(null, 'the log had forgotten the event before it could be delivered')
    return { ...asItWas, state: 'dead', lastFailure }
  }
  if (outcome === undefined) return isKept ? undefined : { ...asItWas, state: 'pending', lastFailure: null }
  if (outcome.kind === 'delivered') return undefined
  const made = { attempts: attempts + 1, firstAttemptAt: firstAttemptAt ?? now }
  const next = nextAttemptAt({ ...made, now }, random(), outcome.retryAfterMs)
  return {
    seq,
    lane,
    ...made,
    state: next === undefined ? 'dead' : 'pending',
    nextAttemptAt: next ?? null,
    lastFailure: failure(outcome.status, outcome.message),
  }
}
