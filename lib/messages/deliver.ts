// Delivers stored messages: each once, those of one context in the order they came. A row says `sending` before its first
// byte leaves, so whoever finds one that nobody is sending any more knows that it may have arrived, and never sends it again.
import type { Core, Store } from '../platform/context.ts'
import type { ProxyContext } from '../a2a/context.ts'
import { and, eq, isNotNull, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { messages, type StoredFailure, workspaces } from '../../drizzle/schema/index.ts'
import { resolveRoute } from '../a2a/resolve-route.ts'
import { collectResponse } from '../a2a/response/collect-response.ts'
import { parseEnvelope } from '../a2a/wire/json-rpc.ts'
import { ProxyError } from '../a2a/errors/proxy-error.ts'
import { type SubrequestBudget, withBudget } from '../platform/subrequest-budget.ts'
import { proxyRequest } from '../a2a/proxy.ts'
import { COMING } from '../a2a/route.ts'
import { decodeBase64 } from '../platform/encoding.ts'
import { isStopping } from '../platform/context.ts'
import { finishMessage, settleMessages } from './finish.ts'
import type { Message } from './message.ts'

/** Messages taken up at once by one pass. */
const AT_ONCE = 16

/** How long a message is ours alone; prolonged for as long as its answer takes. */
const LEASE_MS = 90_000

/** How long a delivery waits for its workspace before it lets go and comes back later. */
const WAIT_MS = 60_000

/** Requests of one delivery: find the way, mark, send, perhaps again, keep it ours. */
const DELIVERY_COST = 12
/** Those of them that are kept for its end: to store it, and to have somebody look at a machine that did not answer. */
const FINISH_COST = 3
const CLAIM_COST = 1

type WaitUntil = (work: Promise<unknown>) => void

/**
 * Delivers the messages of one workspace, if this place may work for long after an answer: a Worker may not, and leaves them
 * to its cron trigger.
 */
export async function deliverSoon(services: ProxyContext, workspaceId: string): Promise<void> {
  if (services.canRunInBackground) await deliverClaimed(services, workspaceId)
}

/**
 * Delivers whatever is due, and settles what never will be. Several at once share the work. Where requests are counted, no more
 * is begun than can be ended.
 */
export async function deliverMessages(services: ProxyContext): Promise<void> {
  await settleMessages(services)
  await deliverClaimed(services)
}

/**
 * Ends every claim there is. Only for a process that is alone with its database: whoever was sending is dead, and what it
 * sent is known to nobody.
 */
export async function releaseMessages(db: Database, now: Date): Promise<void> {
  await db.update(messages).set({ leasedUntil: now }).where(isNotNull(messages.leasedUntil))
}

async function deliverClaimed(services: ProxyContext, workspaceId?: string): Promise<void> {
  if (isStopping(services)) return
  /** What goes on after an answer, and no message has to wait for. */
  const background: Promise<unknown>[] = []
  const { budget } = services
  const atOnce = Math.min(AT_ONCE, Math.floor((budget.left() - CLAIM_COST) / DELIVERY_COST))
  const first = atOnce < 1 ? [] : await claimMessages(services, atOnce, workspaceId)
  // Long answers and slow agents take more; it is given back where it was not needed.
  const most = budget.left() / Math.max(1, first.length)
  const takeShare = () => budget.share(DELIVERY_COST, { most, reserve: FINISH_COST })
  const works = first
    .map((message) => ({ message, share: takeShare() }))
    .map(async ({ message: claimed, share: taken }) => {
      let [message, share]: [Message | undefined, SubrequestBudget | undefined] = [claimed, taken]
      while (message !== undefined && share !== undefined) {
        const mine: Promise<unknown>[] = []
        await deliverSafely(withBudget(services, share), message, (work) => void mine.push(work))
        const ended = endAfter(share, mine)
        background.push(ended)
        if (budget.left() < DELIVERY_COST + CLAIM_COST) await ended
        const isOver = isStopping(services) || budget.left() < DELIVERY_COST + CLAIM_COST
        // One for one, so that the next of its context is not held up by another that takes long.
        ;[message] = isOver ? [] : await claimMessages(services, 1, workspaceId)
        share = message === undefined ? undefined : takeShare()
      }
    })
  await Promise.all(works)
  await Promise.allSettled(background)
}

async function endAfter(share: SubrequestBudget, work: Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(work)
  share.end()
}

async function claimMessages(
  { db, now }: Store,
  limit: number,
  workspaceId: string | undefined,
): Promise<Message[]> {
  const at = now().toISOString()
  const coming = sql.join(
    COMING.map((status) => sql`${status}`),
    sql`, `,
  )
  // An array is made once; a subquery might be run again for every row, and claim more than it was asked for.
  const due = sql`array(
    select message.id from ${messages} message join ${workspaces} on ${workspaces.id} = message.workspace_id
    where message.state = 'queued' and message.next_attempt_at <= ${at}::timestamptz
      and message.expires_at > ${at}::timestamptz
      and (message.leased_until is null or message.leased_until <= ${at}::timestamptz)
      and ${workspaces.status} in (${coming})
      ${workspaceId === undefined ? sql`` : sql`and message.workspace_id = ${workspaceId}::uuid`}
      and not exists (
        select from ${messages} earlier
        where earlier.workspace_id = message.workspace_id and earlier.context_id = message.context_id
          and earlier.state in ('queued', 'sending') and earlier.seq < message.seq)
    order by message.seq limit ${limit} for update of message skip locked)`
  return db
    .update(messages)
    .set({ leasedUntil: leaseFrom(now()), attempts: sql`${messages.attempts} + 1` })
    .where(sql`${messages.id} = any(${due})`)
    .returning()
}

const leaseFrom = (now: Date) => new Date(now.getTime() + LEASE_MS)

// One message's failure never stops the others; its lease runs out, and what it left behind says what may be done.
async function deliverSafely(services: ProxyContext, message: Message, waitUntil: WaitUntil): Promise<void> {
  try {
    const parent = message.requestHeaders['traceparent']
    const attributes = { 'molecule.workspace_id': message.workspaceId, 'molecule.message_id': message.id }
    await services.tracer.span('deliver message', { parent, attributes }, () =>
      deliver(services, message, waitUntil),
    )
  } catch (error) {
    services.log('error', 'a delivery failed', {
      workspace_id: message.workspaceId,
      message: message.id,
      error,
    })
  }
}

async function deliver(services: ProxyContext, message: Message, waitUntil: WaitUntil): Promise<void> {
  const stop = prolong(services, message)
  try {
    await resolveRoute(services, message.workspaceId, {
      ms: WAIT_MS,
      signal: services.stopping,
      waitUntil,
    })
    if (await markSending(services, message)) await send(services, message, waitUntil)
  } catch (error) {
    services.budget.close()
    if (!(error instanceof ProxyError)) throw error
    await tryLater(services, message, error)
  } finally {
    stop()
  }
}

/** @returns false when somebody else has it by now */
async function markSending({ db, now }: Store, message: Message): Promise<boolean> {
  const marked = await db
    .update(messages)
    .set({ state: 'sending', sentAt: now(), leasedUntil: leaseFrom(now()) })
    .where(
      and(
        eq(messages.id, message.id),
        eq(messages.state, 'queued'),
        // Whoever claims it after us counts one more.
        eq(messages.attempts, message.attempts),
      ),
    )
    .returning({ id: messages.id })
  return marked.length > 0
}

async function send(services: ProxyContext, message: Message, waitUntil: WaitUntil): Promise<void> {
  const body = decodeBase64(message.request)
  const { envelope, text } = parseEnvelope(body)
  const collected = collectResponse(services.config.a2a.maxBodyBytes)
  const outcome = await proxyRequest(
    services,
    {
      workspaceId: message.workspaceId,
      caller:
        message.senderId === null ? { kind: 'admin' } : { kind: 'workspace', workspaceId: message.senderId },
      requestId: message.id,
      method: 'POST',
      tail: '',
      query: '',
      headers: Object.entries(message.requestHeaders),
      connection: undefined,
      body,
      text,
      envelope,
      publicUrl: services.config.publicUrl ?? '',
      waitMs: 0,
    },
    { reply: collected.reply, waitUntil },
  )
  services.budget.close()
  if (outcome.kind === 'answered') {
    await finishMessage(services, message, { state: 'answered', answer: collected.answer() })
  } else if (outcome.kind === 'gone') {
    const tooLarge = `the answer is larger than ${services.config.a2a.maxBodyBytes} bytes`
    await finishMessage(services, message, {
      state: 'failed',
      failure: { reason: 'INVALID_AGENT_RESPONSE', message: tooLarge, delivered: 'yes' },
    })
  } else if (outcome.error.delivered === 'no' && outcome.error.reason !== 'AGENT_HTTP_ERROR') {
    await tryLater(services, message, outcome.error)
  } else {
    // What the agent itself refused to take in, it would refuse again.
    const state = outcome.error.delivered === 'unknown' ? 'unknown' : 'failed'
    await finishMessage(services, message, { state, failure: failureOf(outcome.error) })
  }
}

const failureOf = ({ delivered, message, reason }: ProxyError): StoredFailure => ({
  reason,
  message,
  delivered,
})

/** Nothing was delivered: it waits in its place, and says why. */
async function tryLater({ db, now }: Store, message: Message, error: ProxyError): Promise<void> {
  const pause = Math.min(60_000, 1_000 * 2 ** Math.min(message.attempts, 6))
  await db
    .update(messages)
    .set({
      state: 'queued',
      sentAt: null,
      leasedUntil: null,
      nextAttemptAt: new Date(now().getTime() + pause),
      failure: failureOf(error),
    })
    .where(
      and(
        eq(messages.id, message.id),
        eq(messages.attempts, message.attempts),
        sql`${messages.state} in ('queued', 'sending')`,
      ),
    )
}

/** Keeps a message ours until the returned function is called. */
function prolong(services: Core, message: Message): () => void {
  const over = new AbortController()
  const run = async () => {
    while (!over.signal.aborted) {
      await services.sleep(LEASE_MS / 3, over.signal)
      if (over.signal.aborted) return
      await services.db
        .update(messages)
        .set({ leasedUntil: leaseFrom(services.now()) })
        .where(
          and(
            eq(messages.id, message.id),
            eq(messages.attempts, message.attempts),
            // Neither finished nor let go.
            isNotNull(messages.leasedUntil),
          ),
        )
        .catch(() => {})
    }
  }
  void run()
  return () => over.abort()
}
