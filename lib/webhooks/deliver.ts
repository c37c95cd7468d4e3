// Delivers events to endpoints: at least once, each event under an id of its own, and a workspace's events in order.
// Writers of events know nothing of it: the holder of an endpoint's lease reads the log page by page.
import { controlPlane } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'
import { toEventView } from '../events/event-view.ts'
import { forEachConcurrently } from '../platform/concurrency.ts'
import { type Core, isStopping, type Store } from '../platform/context.ts'
import { LEASE_MS } from '../platform/lease.ts'
import { Unreadable } from '../secrets/seal.ts'
import { applyResults, skipExpiredEvents } from './apply-results.ts'
import { type Batch, commitBatch, type Item, readBatch } from './batch.ts'
import { claimEndpoints, type Claimed, releaseEndpoint } from './claim.ts'
import type { WebhookContext } from './context.ts'
import { type HealthTracker, healthOf, trackHealth } from './health.ts'
import { type AttemptOutcome, send } from './send.ts'
import { readSigningSecrets } from './signing-secrets.ts'

/** Events in memory for one endpoint; as many may be delivered twice when a process dies. */
const PAGE = 64

/** Endpoints served at once, lanes of each at once, and deliveries of one pass. */
type Pace = { endpoints: number; lanes: number; deliveries: number }

const UNBOUNDED: Pace = { endpoints: 4, lanes: 4, deliveries: Infinity }

/** A Worker has six connections, and a bounded number of requests in one run. */
const IN_A_WORKER: Pace = { endpoints: 2, lanes: 2, deliveries: 200 }

/** Statements for one endpoint from its claim to its release, and those of them that follow the last delivery. */
const ENDPOINT_STATEMENTS = 12
const STATEMENTS_AFTER_SENDING = 8

/** What one pass may still do: a number of deliveries, and the invocation's requests. */
class Allowance {
  private deliveries: number
  private readonly services: Pick<Core, 'budget' | 'stopping'>

  constructor(services: Pick<Core, 'budget' | 'stopping'>, deliveries: number) {
    this.services = services
    this.deliveries = deliveries
  }

  /** Whether a page of another endpoint, or another page of this one, may begin. */
  allowsPage = () => this.allows(ENDPOINT_STATEMENTS)

  /** Whether another delivery may begin, so that what follows it is still possible. */
  allowsDelivery = () => this.allows(STATEMENTS_AFTER_SENDING)

  takeDelivery = () => void this.deliveries--

  private allows(requests: number): boolean {
    return this.deliveries > 0 && this.services.budget.left() >= requests && !isStopping(this.services)
  }
}

/** Delivers whatever is due, each endpoint once per pass. Several passes at once share the work. */
export async function deliverWebhooks(services: WebhookContext): Promise<void> {
  const pace = services.canRunInBackground ? UNBOUNDED : IN_A_WORKER
  const allowance = new Allowance(services, pace.deliveries)
  const seen: string[] = []
  const claim = async (limit: number): Promise<Claimed[]> => {
    if (!allowance.allowsPage()) return []
    const claimed = await claimEndpoints(services, limit, seen)
    seen.push(...claimed.map(({ id }) => id))
    return claimed
  }
  await forEachConcurrently(await claim(pace.endpoints), pace.endpoints, async (first) => {
    for (let endpoint: Claimed | undefined = first; endpoint !== undefined; [endpoint] = await claim(1)) {
      await deliverSafely(services, endpoint, pace, allowance)
    }
  })
}

// One endpoint's failure never stops the others; its lease runs out, and it is still due then.
async function deliverSafely(
  services: WebhookContext,
  endpoint: Claimed,
  pace: Pace,
  allowance: Allowance,
): Promise<void> {
  try {
    const last = await deliverTo(services, endpoint, pace, allowance)
    if (last !== undefined) await releaseEndpoint(services, last)
  } catch (error) {
    services.log('error', 'webhooks of an endpoint failed', { endpoint: endpoint.id, error })
  }
}

/** @returns the endpoint, to be released; undefined when another process has its lease */
async function deliverTo(
  services: WebhookContext,
  claimed: Claimed,
  { lanes }: Pace,
  allowance: Allowance,
): Promise<Claimed | undefined> {
  const secrets = await openSecrets(services, claimed)
  if (secrets === undefined) return backOffUnsigned(services, claimed)
  let endpoint = await skipExpired(services, claimed)
  while (endpoint !== undefined && allowance.allowsPage()) {
    const batch = await readBatch(services, endpoint, PAGE)
    if (batch.items.length === 0 && batch.after === endpoint.afterSeq) return endpoint
    const tracker = trackHealth(services, endpoint)
    const outcomes = await sendBatch(services, endpoint, batch, { allowance, lanes, secrets, tracker })
    const health = tracker.health()
    const result = commitBatch(batch, outcomes, services.now(), Math.random)
    endpoint = await applyResults(services, endpoint, result, health)
    if (health.disable !== undefined) {
      services.log('warn', 'a webhook endpoint was disabled', {
        endpoint: claimed.id,
        reason: health.disable,
      })
    }
    const dead = result.kept.filter(({ state }) => state === 'dead').length
    if (dead > 0) services.log('warn', 'webhook deliveries were given up', { endpoint: claimed.id, dead })
    if (endpoint === undefined || endpoint.disabledAt !== null || health.restsUntil !== null) return endpoint
  }
  return endpoint
}

const UNSIGNED_REST_MS = 60_000

/** Without a secret that can be read nothing is sent: a receiver could not verify it. */
function backOffUnsigned(services: Store, endpoint: Claimed): Promise<Claimed | undefined> {
  const at = services.now()
  const lastFailure = {
    at: at.toISOString(),
    status: null,
    message:
      'the signing secret cannot be decrypted: restore the SECRETS_ENCRYPTION_KEY that sealed it, or rotate the secret',
  }
  return applyResults(
    services,
    endpoint,
    { after: endpoint.afterSeq, delivered: [], kept: [] },
    { ...healthOf(endpoint), restsUntil: new Date(at.getTime() + UNSIGNED_REST_MS), lastFailure },
  )
}

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

async function skipExpired(services: Core, endpoint: Claimed): Promise<Claimed | undefined> {
  // From the very beginning means: from the oldest event that is kept.
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

type Sending = { allowance: Allowance; lanes: number; secrets: string[]; tracker: HealthTracker }

/** @returns the outcome of each delivery that was attempted, by sequence number */
async function sendBatch(
  services: WebhookContext,
  endpoint: Claimed,
  { blocked, items }: Batch,
  { allowance, lanes, secrets, tracker }: Sending,
): Promise<Map<number, AttemptOutcome>> {
  const outcomes = new Map<number, AttemptOutcome>()
  // A batch begins nothing after two thirds of its lease; no attempt takes longer than the rest.
  const until = services.now().getTime() + (LEASE_MS * 2) / 3
  const maySend = () => allowance.allowsDelivery() && !tracker.isEnough() && services.now().getTime() < until
  const sendLane = async (lane: readonly Item[]) => {
    for (const { event, seq } of lane) {
      if (event === undefined) continue
      if (!maySend()) return
      allowance.takeDelivery()
      tracker.begin()
      const outcome = await send(services, endpoint.url, secrets, {
        id: webhookId(endpoint.id, seq),
        type: event.type,
        at: event.at.toISOString(),
        data: toEventView(event),
      })
      outcomes.set(seq, outcome)
      tracker.record(outcome)
      // The rest of the lane waits for this one.
      if (outcome.kind === 'failed') return
    }
  }
  const open = [...Map.groupBy(items, ({ lane }) => lane)].filter(([lane]) => !blocked.has(lane))
  await forEachConcurrently(
    open.map(([, lane]) => lane),
    lanes,
    sendLane,
  )
  return outcomes
}

/**
 * One id per event and endpoint, in every attempt. It must not contain a full stop (Standard Webhooks, "signature
 * scheme").
 */
export const webhookId = (endpointId: string, seq: number): string =>
  `msg_${endpointId.replaceAll('-', '')}_${seq}`
