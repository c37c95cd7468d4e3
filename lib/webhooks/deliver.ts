// Tells endpoints what has happened: at least once, each event under an id of its own, and a workspace's events in order. Writers
// of events know nothing of it; what is to be told is read from the log, page by page, by whoever has the endpoint's lease.
import type { Context } from '../config/context.ts'
import type { Core, Store } from '../platform/context.ts'
import type { WebhookContext } from './context.ts'
import { controlPlane } from '../../drizzle/schema/index.ts'
import { toEventView } from '../events/event-view.ts'
import { Unreadable } from '../secrets/seal.ts'
import { isStopping } from '../platform/context.ts'
import { type Batch, readBatch, commitBatch } from './batch.ts'
import { claimEndpoints, type Claimed, releaseEndpoint } from './claim.ts'
import { LEASE_MS } from '../platform/lease.ts'
import { DOWN_AFTER, isGivenUp, restUntil } from './retry.ts'
import { type AttemptOutcome, send } from './send.ts'
import { type Health, applyResults, skipExpiredEvents } from './apply-results.ts'
import { readSigningSecrets } from './signing-secrets.ts'

/** Events in memory for one endpoint; as many may be told twice when a process dies. */
const PAGE = 64

/** How many endpoints are told at once, in how many lanes each, and how many deliveries one pass makes. */
type Pace = { endpoints: number; lanes: number; deliveries: number }

/** Statements for one endpoint from its claim to its release, and of these what must be left when sending ends. */
const ENDPOINT_COST = 12
const SETTLE_COST = 8

const UNBOUNDED: Pace = { endpoints: 4, lanes: 4, deliveries: Infinity }

/** A Worker has six connections, and a bounded number of requests in one run. */
const IN_A_WORKER: Pace = { endpoints: 2, lanes: 2, deliveries: 200 }

/** Tells whatever is due, each endpoint once per pass. Several at once share the work. */
export async function deliverWebhooks(services: WebhookContext): Promise<void> {
  const pace = services.canRunInBackground ? UNBOUNDED : IN_A_WORKER
  const budget = { left: pace.deliveries }
  const seen: string[] = []
  const claim = async (limit: number): Promise<Claimed[]> => {
    if (isStopping(services) || budget.left <= 0 || services.budget.left() < ENDPOINT_COST) return []
    const claimed = await claimEndpoints(services, limit, seen)
    seen.push(...claimed.map(({ id }) => id))
    return claimed
  }
  const works = (await claim(pace.endpoints)).map(async (first) => {
    for (let endpoint: Claimed | undefined = first; endpoint !== undefined; [endpoint] = await claim(1)) {
      await tellSafely(services, endpoint, pace, budget)
    }
  })
  await Promise.all(works)
}

// One endpoint's trouble never stops the others; its lease runs out, and it is still due then.
async function tellSafely(
  services: WebhookContext,
  endpoint: Claimed,
  pace: Pace,
  budget: { left: number },
): Promise<void> {
  try {
    const last = await tell(services, endpoint, pace, budget)
    if (last !== undefined) await releaseEndpoint(services, last)
  } catch (error) {
    services.log('error', 'webhooks of an endpoint failed', { endpoint: endpoint.id, error })
  }
}

/** @returns the endpoint, to be given back; undefined when somebody else has it */
async function tell(
  services: WebhookContext,
  claimed: Claimed,
  { lanes }: Pace,
  budget: { left: number },
): Promise<Claimed | undefined> {
  const secrets = await openSecrets(services, claimed)
  if (secrets === undefined) return restUnsigned(services, claimed)
  let endpoint = await goPastForgotten(services, claimed)
  while (
    endpoint !== undefined &&
    budget.left > 0 &&
    services.budget.left() >= ENDPOINT_COST &&
    !isStopping(services)
  ) {
    const batch = await readBatch(services, endpoint, PAGE)
    if (batch.items.length === 0 && batch.after === endpoint.afterSeq) return endpoint
    const watch = watchHealth(services, endpoint)
    const outcomes = await tellBatch(services, endpoint, batch, { budget, lanes, secrets, watch })
    const health = watch.health()
    const settlement = commitBatch(batch, outcomes, services.now(), Math.random)
    endpoint = await applyResults(services, endpoint, settlement, health)
    if (health.disable !== undefined) {
      services.log('warn', 'a webhook endpoint was disabled', {
        endpoint: claimed.id,
        reason: health.disable,
      })
    }
    const dead = settlement.kept.filter(({ state }) => state === 'dead').length
    if (dead > 0) services.log('warn', 'webhook deliveries were given up', { endpoint: claimed.id, dead })
    if (endpoint === undefined || endpoint.disabledAt !== null || health.restsUntil !== null) return endpoint
  }
  return endpoint
}

/** Nothing is sent that a receiver could not verify. */
function restUnsigned(services: Store, endpoint: Claimed): Promise<Claimed | undefined> {
  const at = services.now()
  const lastFailure = {
    at: at.toISOString(),
    status: null,
    message:
      'it has no secret that can be read: set SECRETS_ENCRYPTION_KEY back to the one it was made with, or rotate its secret',
  }
  return applyResults(
    services,
    endpoint,
    { after: endpoint.afterSeq, delivered: [], kept: [] },
    { ...healthOf(endpoint), restsUntil: new Date(at.getTime() + UNSIGNED_REST_MS), lastFailure },
  )
}

const UNSIGNED_REST_MS = 60_000

async function openSecrets(services: Context, { id }: Claimed): Promise<string[] | undefined> {
  try {
    const secrets = await readSigningSecrets(services, id)
    return secrets.length === 0 ? undefined : secrets
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    services.log('error', 'a webhook secret cannot be read', { endpoint: id, error })
    return undefined
  }
}

async function goPastForgotten(services: Core, endpoint: Claimed): Promise<Claimed | undefined> {
  // From the very beginning means: what there is.
  if (endpoint.afterSeq === 0) return endpoint
  const [marks] = await services.db.select({ to: controlPlane.eventsForgottenSeq }).from(controlPlane)
  const to = marks?.to ?? 0
  if (to <= endpoint.afterSeq) return endpoint
  services.log('warn', 'a webhook endpoint missed events', {
    endpoint: endpoint.id,
    from: endpoint.afterSeq + 1,
    to,
  })
  return skipExpiredEvents(services, endpoint, to)
}

type Telling = { budget: { left: number }; lanes: number; secrets: string[]; watch: Watch }

/** @returns what became of those that were tried, by their number */
async function tellBatch(
  services: WebhookContext,
  endpoint: Claimed,
  { blocked, items }: Batch,
  { budget, lanes, secrets, watch }: Telling,
): Promise<Map<number, AttemptOutcome>> {
  const outcomes = new Map<number, AttemptOutcome>()
  // A batch begins nothing after two thirds of its lease; no attempt takes longer than the rest.
  const until = services.now().getTime() + (LEASE_MS * 2) / 3
  const isOver = () =>
    budget.left <= 0 ||
    services.budget.left() < SETTLE_COST ||
    watch.isEnough() ||
    isStopping(services) ||
    services.now().getTime() >= until
  const queue = [...Map.groupBy(items, ({ lane }) => lane)].filter(([lane]) => !blocked.has(lane))
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      for (const { event, seq } of next[1]) {
        if (event === undefined) continue
        if (isOver()) return
        budget.left--
        watch.begin()
        const outcome = await send(services, endpoint.url, secrets, {
          id: webhookId(endpoint.id, seq),
          type: event.type,
          at: event.at.toISOString(),
          data: toEventView(event),
        })
        outcomes.set(seq, outcome)
        watch.note(outcome)
        // The rest of its lane waits for it.
        if (outcome.kind === 'failed') break
      }
    }
  }
  await Promise.all(Array.from({ length: lanes }, work))
  return outcomes
}

/** One per event and endpoint, in every attempt. It must not contain a full stop (Standard Webhooks, "signature scheme"). */
export const webhookId = (endpointId: string, seq: number): string =>
  `msg_${endpointId.replaceAll('-', '')}_${seq}`

const healthOf = ({ failingSince, failures, lastFailure, lastSuccessAt, restsUntil }: Claimed): Health => ({
  failures,
  failingSince,
  restsUntil,
  lastSuccessAt,
  lastFailure,
  disable: undefined,
  recovered: false,
})

type Watch = ReturnType<typeof watchHealth>

/** Sees from outcomes how an endpoint does, and when it is no use to go on. */
function watchHealth({ now }: Store, endpoint: Claimed) {
  const health = healthOf(endpoint)
  let begun = 0
  /** What it asked for, in milliseconds. */
  let retryAfterMs = 0
  return {
    begin: () => void begun++,
    /** One that is down is asked once; where that goes well, on it goes. */
    isEnough: () =>
      health.disable !== undefined || retryAfterMs > 0 || (begun > 0 && health.failures >= DOWN_AFTER),
    note(outcome: AttemptOutcome) {
      const at = now()
      if (outcome.kind === 'delivered') {
        health.recovered ||= endpoint.failures >= DOWN_AFTER
        health.failures = 0
        health.failingSince = null
        health.lastSuccessAt = at
        return
      }
      const { message, status } = outcome
      health.failures++
      health.failingSince ??= at
      health.lastFailure = { at: at.toISOString(), status, message }
      retryAfterMs = Math.max(retryAfterMs, outcome.retryAfterMs ?? 0)
      if (status === 410) health.disable = 'gone'
      else if (isGivenUp(health.failingSince, at)) health.disable = 'failing'
    },
    health: (): Health => ({
      ...health,
      restsUntil: restUntil(health.failures, now(), Math.random(), retryAfterMs) ?? null,
    }),
  }
}
