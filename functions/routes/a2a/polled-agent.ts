// A message to an agent that runs elsewhere and fetches its messages (lib/messages/inbox.ts): it is stored, and its
// sender waits for the answer. What is not answered in time is answered like a stored message.
import { ProxyError } from '../../../lib/a2a/errors/proxy-error.ts'
import type { ExchangeOutcome } from '../../../lib/a2a/exchange.ts'
import type { A2aRequest } from '../../../lib/a2a/request.ts'
import { disconnectSignal, sendResponse } from '../../../lib/a2a/response/response-writer.ts'
import { safeContentType } from '../../../lib/a2a/wire/headers.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { type Accepted, acceptFromSender } from '../../../lib/messages/accept.ts'
import type { Message } from '../../../lib/messages/message.ts'
import { waitUntilFinished } from '../../../lib/messages/queries.ts'
import { decodeBase64 } from '../../../lib/platform/encoding.ts'
import { toMessageView } from '../messages/view.ts'
import type { A2aExchange } from './exchange.ts'

/** How long a sender waits that says nothing of it, in seconds: intermediaries close idle connections at about 100 s. */
const DEFAULT_WAIT_SECONDS = 60

/** @throws ProxyError */
export async function sendToPolledAgent(
  services: Services,
  writer: A2aExchange['writer'],
  request: A2aRequest,
): Promise<ExchangeOutcome> {
  const disconnected = disconnectSignal(writer)
  const accepted = await acceptFromSender(services, request)
  const seconds = waitSeconds(services, request)
  const message = await waitUntilFinished(services, accepted.message, seconds, disconnected).catch(
    (error: unknown) => {
      // It is stored, and its answer can be read later.
      services.log('error', 'the answer to a message could not be read', { error })
      return accepted.message
    },
  )
  writer.listen(undefined)
  if (disconnected.aborted) return { kind: 'gone' }
  if (message.failure !== null) throw failureOf(message)
  const { response, responseStatus, responseType } = message
  if (response === null) {
    const isMolecules = services.config.moleculeCompat && request.waitMs === undefined
    sendQueued(writer, request, { ...accepted, message }, isMolecules)
  } else {
    const headers = { 'content-type': safeContentType(responseType), 'cache-control': 'no-store' }
    sendResponse(writer, responseStatus ?? 200, headers, new TextDecoder().decode(decodeBase64(response)))
  }
  return { kind: 'stored' }
}

/** Agents of Molecule's SDK answer with a message of their own, for which nobody waits (docs/facts/molecule.md §8.3). */
const waitSeconds = ({ config }: Services, { waitMs }: A2aRequest): number =>
  waitMs === undefined ? (config.moleculeCompat ? 0 : DEFAULT_WAIT_SECONDS) : waitMs / 1000

const failureOf = ({ failure }: Message) =>
  new ProxyError('UNAVAILABLE', failure?.message ?? 'the message was not answered', {
    delivered: failure?.delivered ?? 'unknown',
  })

/**
 * Says that the message is stored, and where its state can be read.
 * @param isPolled in the form in which Molecule's clients know it of agents that fetch their messages
 */
export function sendQueued(
  writer: A2aExchange['writer'],
  request: A2aRequest,
  { depth, message }: Accepted,
  isPolled = false,
): void {
  const view = toMessageView(message, request.publicUrl)
  const headers = { 'content-type': 'application/json', location: view.url, 'cache-control': 'no-store' }
  // Molecule's clients read these members of a queued message (docs/facts/molecule.md §3.4, §3.6).
  const queued = { queued: true, queue_id: message.id, queue_depth: depth }
  const polled = isPolled ? { status: 'queued', delivery_mode: 'poll' } : {}
  sendResponse(writer, isPolled ? 200 : 202, headers, JSON.stringify({ ...queued, ...view, ...polled }))
}
