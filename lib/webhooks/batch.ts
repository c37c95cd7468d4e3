// What is delivered to an endpoint next: first the kept deliveries that are due, then the log from where it was left;
// and what becomes of each. An endpoint that keeps up needs no row but its own.
import type { Core } from '../platform/context.ts'
import { and, asc, eq, sql } from 'drizzle-orm'
import { events, type StoredAttempt, webhookDeliveries } from '../../drizzle/schema/index.ts'
import { EVENT_TYPE_NAMES, type EventType, isEventType } from '../events/event-types.ts'
import { readEvents, type StoredEvent } from '../events/read-events.ts'
import { EVERY_TYPE } from './endpoint-input.ts'
import type { WebhookEndpoint } from './endpoints.ts'
import { nextAttemptAt, type Random } from './retry.ts'
import type { AttemptOutcome } from './send.ts'

export type Item = {
  seq: number
  lane: string
  /** Undefined when the log no longer has it. */
  event: StoredEvent | undefined
  attempts: number
  firstAttemptAt: Date | null
  /** Stored as a row already. */
  isKept: boolean
}

export type Batch = {
  items: Item[]
  /** Lanes in which an earlier delivery waits for its next attempt. */
  blocked: ReadonlySet<string>
  /** How far the log has been read once every item is handled. */
  after: number
}

type Reading = Pick<Core, 'db' | 'now' | 'sleep'>

/** @param limit of events, which bounds memory */
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
      // Events without a workspace share one lane.
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

/** Only administrators have endpoints, so `*` includes what only they may see; `audit` must be named. */
function typesOf({ types }: WebhookEndpoint): readonly EventType[] {
  if (!types.includes(EVERY_TYPE)) return types.filter(isEventType)
  return types.includes('audit') ? EVENT_TYPE_NAMES : ALL_BUT_AUDIT
}

const ALL_BUT_AUDIT = EVENT_TYPE_NAMES.filter((type) => type !== 'audit')

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

/** A delivery as it is stored; before its first attempt without a failure. */
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
 * What becomes of each item of a batch. An item that waits for an earlier one of its lane is kept. Items that were
 * not reached stay in the log, unless a later one was handled: then they are kept too.
 * @param outcomes of attempted deliveries, by sequence number
 */
export function commitBatch(
  { after, blocked, items }: Batch,
  outcomes: ReadonlyMap<number, AttemptOutcome>,
  now: Date,
  random: () => Random,
): BatchResult {
  const stuck = new Set(blocked)
  for (const { lane, seq } of items) if (outcomes.get(seq)?.kind === 'failed') stuck.add(lane)
  const isHandled = ({ event, isKept, lane, seq }: Item) =>
    isKept || event === undefined || outcomes.has(seq) || stuck.has(lane)
  const unreached = items[items.findLastIndex(isHandled) + 1]
  const handled = unreached === undefined ? items : items.filter(({ seq }) => seq < unreached.seq)
  const kept = handled.flatMap((item) => keep(item, outcomes.get(item.seq), now, random) ?? [])
  return {
    after: unreached === undefined ? after : unreached.seq - 1,
    delivered: handled.flatMap(({ seq }) => (outcomes.get(seq)?.kind === 'delivered' ? [seq] : [])),
    kept,
  }
}

/** @returns undefined when there is nothing to store */
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
    const lastFailure = failure(
      null,
      'the event expired (EVENTS_RETENTION_DAYS) before it could be delivered',
    )
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
