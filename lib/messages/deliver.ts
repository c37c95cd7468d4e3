// Delivers stored messages: each at most once, and those of one context in the order of their arrival.
import type { StoredFailure } from '../../drizzle/schema/index.ts'
import { createAnswersInFlight } from '../a2a/answers-in-flight.ts'
import type { ProxyContext } from '../a2a/context.ts'
import { ProxyError } from '../a2a/errors/proxy-error.ts'
import { proxyRequest } from '../a2a/proxy.ts'
import type { A2aRequest } from '../a2a/request.ts'
import { resolveRoute } from '../a2a/resolve-route.ts'
import { type CollectedAnswer, collectResponse } from '../a2a/response/collect-response.ts'
import { parseEnvelope } from '../a2a/wire/json-rpc.ts'
import { forEachConcurrently } from '../platform/concurrency.ts'
import { isStopping } from '../platform/context.ts'
import { decodeBase64InSlices, decodeUtf8InSlices, encodeUtf8InSlices } from '../platform/slices.ts'
import { type SubrequestBudget, withBudget } from '../platform/subrequest-budget.ts'
import type { InterfacePaths } from '../reconcile/agent-interfaces.ts'
import { claimMessages, markSending, renewLease, requeueMessage } from './claim.ts'
import { finishMessage, finishUndeliverable, type MessageResult } from './finish.ts'
import type { Message } from './message.ts'
import { toVersion1 } from './platform-message.ts'

/** Messages that one pass delivers at the same time. */
const CONCURRENCY = 16

/** How long a delivery waits for its workspace before the message returns to the queue, in milliseconds. */
const WAIT_MS = 60_000

/** Subrequests of one delivery: find the route, mark, send, perhaps repeat, renew the lease. */
const DELIVERY_COST = 12
/**
 * Those of them that are kept for its end: to store the answer, and to schedule a check of a machine that did not
 * answer.
 */
const FINISH_COST = 3
const CLAIM_COST = 1

type WaitUntil = (work: Promise<unknown>) => void

/**
 * Delivers the messages of one workspace, if this process may work for long after an answer. A Worker may not, and
 * leaves them to its cron trigger. While the answers of the workspace are at their limit no more deliveries begin: those
 * that run claim the next message when they end.
 */
export async function deliverSoon(services: ProxyContext, workspaceId: string): Promise<void> {
  if (services.canRunInBackground && !services.answersInFlight.isFull(workspaceId))
    await deliverDue(services, workspaceId)
}

/**
 * Delivers all messages that are due, and finishes those that cannot be delivered. Several processes share the work.
 * Where subrequests are counted, no more deliveries begin than can be finished.
 */
export async function deliverMessages(services: ProxyContext): Promise<void> {
  await finishUndeliverable(services)
  await deliverDue(services)
}

async function deliverDue(context: ProxyContext, workspaceId?: string): Promise<void> {
  const services = withOwnAnswers(context)
  if (isStopping(services)) return
  const { budget } = services
  const mayBegin = () => !isStopping(services) && budget.left() >= DELIVERY_COST + CLAIM_COST
  const concurrency = Math.min(CONCURRENCY, Math.floor((budget.left() - CLAIM_COST) / DELIVERY_COST))
  if (concurrency < 1) return
  const first = await claimMessages(services, concurrency, workspaceId)
  // Long answers and slow agents cost more; what a delivery does not need is returned to the budget.
  const most = budget.left() / Math.max(1, first.length)
  const takeShare = () => budget.share(DELIVERY_COST, { most, reserve: FINISH_COST })
  /** Work that continues after an answer, for which no message waits. */
  const background: Promise<unknown>[] = []
  const claimed = first.map((message) => ({ message, share: takeShare() }))

  await forEachConcurrently(claimed, claimed.length, async ({ message, share }) => {
    for (let next: Message | undefined = message; next !== undefined && share !== undefined;) {
      const work: Promise<unknown>[] = []
      // A promise that rejects before it is awaited would end the process.
      const waitUntil: WaitUntil = (promise) => void work.push(promise.catch(logBackgroundFailure(services)))
      await deliverSafely(withBudget(services, share), next, waitUntil)
      const ended = endShare(share, work)
      background.push(ended)
      if (budget.left() < DELIVERY_COST + CLAIM_COST) await ended
      // Each worker claims its own next message, so that a slow answer delays only its own context.
      ;[next] = mayBegin() ? await claimMessages(services, 1, workspaceId) : []
      share = next === undefined ? undefined : takeShare()
    }
  })
  await Promise.allSettled(background)
}

/** An invocation of a Worker cannot resume what another one waits for, so the answers of each pass have a limit of their own. */
const withOwnAnswers = (services: ProxyContext): ProxyContext =>
  services.canRunInBackground
    ? services
    : { ...services, answersInFlight: createAnswersInFlight(services.config.a2a.maxBodyBytes) }

const logBackgroundFailure =
  ({ log }: Pick<ProxyContext, 'log'>) =>
  (error: unknown) =>
    log('error', 'work after a delivery failed', { error })

async function endShare(share: SubrequestBudget, work: Promise<unknown>[]): Promise<void> {
  await Promise.all(work)
  share.end()
}

// A failed delivery never stops the others. Its lease runs out, and the state of its row decides what may follow.
async function deliverSafely(services: ProxyContext, message: Message, waitUntil: WaitUntil): Promise<void> {
  try {
    const parent = message.requestHeaders['traceparent']
    const attributes = { 'molecule.workspace_id': message.workspaceId, 'molecule.message_id': message.id }
    await services.tracer.span('deliver message', { parent, attributes }, () =>
      deliver(services, message, waitUntil),
    )
  } catch (error) {
    services.log('error', 'a message could not be delivered', {
      workspace_id: message.workspaceId,
      message: message.id,
      error,
    })
  }
}

async function deliver(services: ProxyContext, message: Message, waitUntil: WaitUntil): Promise<void> {
  const stopRenewing = renewLease(services, message)
  let hasWaited = false
  try {
    const { paths } = await resolveRoute(services, message.workspaceId, {
      ms: WAIT_MS,
      signal: services.stopping,
      waitUntil,
      onWait: () => (hasWaited = true),
    })
    // The other messages to the workspace were not claimed while it was not awake.
    if (hasWaited) waitUntil(deliverSoon(services, message.workspaceId))
    if (await markSending(services, message)) await send(services, message, paths, waitUntil)
  } catch (error) {
    services.budget.close()
    if (!(error instanceof ProxyError)) throw error
    await requeueMessage(services, message, failureOf(error))
  } finally {
    stopRenewing()
  }
}

async function send(
  services: ProxyContext,
  message: Message,
  { isOnlyV1 }: InterfacePaths,
  waitUntil: WaitUntil,
): Promise<void> {
  const { maxBodyBytes } = services.config.a2a
  const isTranslated = message.isByPlatform && isOnlyV1
  const stored = await decodeBase64InSlices(message.request)
  const body = isTranslated ? await inVersion1(stored) : stored
  const { envelope, isText } = await parseEnvelope(body)
  const request: A2aRequest = {
    workspaceId: message.workspaceId,
    caller:
      message.senderId === null ? { kind: 'admin' } : { kind: 'workspace', workspaceId: message.senderId },
    requestId: message.id,
    method: 'POST',
    tail: '',
    query: '',
    headers: Object.entries({
      ...message.requestHeaders,
      ...(isTranslated ? { 'a2a-version': '1.0' } : {}),
    }).flat(),
    connection: undefined,
    body,
    isJson: isText,
    envelope,
    traceparent: message.requestHeaders['traceparent'],
    publicUrl: services.config.publicUrl ?? '',
    waitMs: 0,
  }
  const collected = collectResponse(maxBodyBytes, (resume) =>
    services.answersInFlight.open(message.workspaceId, resume),
  )
  try {
    const outcome = await proxyRequest(services, request, { reply: collected.reply, waitUntil })
    services.budget.close()
    if (outcome.kind === 'answered') {
      await finishMessage(services, message, await resultOf(collected.answer()))
    } else if (outcome.kind === 'gone') {
      const tooLarge = `the answer is larger than ${maxBodyBytes} bytes (A2A_MAX_BODY_BYTES)`
      await finishMessage(services, message, {
        state: 'failed',
        failure: { reason: 'INVALID_AGENT_RESPONSE', message: tooLarge, delivered: 'yes' },
      })
    } else if ('error' in outcome) {
      await afterFailure(services, message, outcome.error)
    }
  } finally {
    collected.release()
  }
}

async function afterFailure(services: ProxyContext, message: Message, error: ProxyError): Promise<void> {
  const failure = failureOf(error)
  // An HTTP error of the agent itself would repeat.
  if (error.delivered === 'no' && error.reason !== 'AGENT_HTTP_ERROR')
    return requeueMessage(services, message, failure)
  await finishMessage(services, message, {
    state: error.delivered === 'unknown' ? 'unknown' : 'failed',
    failure,
  })
}

const inVersion1 = async (stored: Uint8Array) =>
  encodeUtf8InSlices(toVersion1((await decodeUtf8InSlices(stored)) ?? ''))

async function resultOf(answer: Promise<CollectedAnswer>): Promise<MessageResult> {
  try {
    return { state: 'answered', answer: await answer }
  } catch (error) {
    if (error instanceof ProxyError) return { state: 'failed', failure: failureOf(error) }
    throw error
  }
}

const failureOf = ({ delivered, message, reason }: ProxyError): StoredFailure => ({
  reason,
  message,
  delivered,
})
