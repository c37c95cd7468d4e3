// Handles an A2A request on any runtime: reads it, authenticates and authorizes its caller, and passes it to the
// proxy. Failures are JSON-RPC errors with the caller's id, not problem documents, because A2A clients parse nothing
// else.
import { ProxyError, type ProxyReason } from '../../../lib/a2a/errors/proxy-error.ts'
import type { BodyLimits } from '../../../lib/a2a/body-collector.ts'
import type { BodyBytes } from '../../../lib/a2a/limits.ts'
import { isOversized, type OversizedBody } from '../../../lib/a2a/oversized-body.ts'
import { mayCommunicate } from '../../../lib/a2a/peer-access.ts'
import { proxyRequest } from '../../../lib/a2a/proxy.ts'
import { type A2aRequest, errorEncoderOf } from '../../../lib/a2a/request.ts'
import { sendResponse } from '../../../lib/a2a/response/response-writer.ts'
import { type Envelope, isSend, NO_ENVELOPE, parseEnvelope } from '../../../lib/a2a/wire/json-rpc.ts'
import { authorize } from '../../../lib/auth/authorize.ts'
import { type Caller, callerKey } from '../../../lib/auth/caller.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { findIdOfSlug } from '../../../lib/lifecycle/slugs.ts'
import { acceptFromSender } from '../../../lib/messages/accept.ts'
import { deliverSoon } from '../../../lib/messages/deliver.ts'
import type { DomainError, ErrorCode } from '../../../lib/platform/errors.ts'
import { isPlainPath } from '../../../lib/platform/request-path.ts'
import { normalizeUuid } from '../../../lib/platform/uuid.ts'
import { A2A_POLICY } from '../../access-policy.ts'
import { createAuthenticator, type Exposure } from '../../http/authenticate.ts'
import { parsePrefer, type Preferences } from '../../http/prefer.ts'
import { toDomainError } from '../../http/problem.ts'
import { baseUrlFor } from '../../http/public-url.ts'
import { verifyCallerHeader } from '../../http/verify-caller-header.ts'
import { type A2aExchange, type A2aPath, RequestCutOff } from './exchange.ts'
import { sendQueued, sendToPolledAgent } from './polled-agent.ts'
import { keepMessage } from '../molecule-compat/chat-history.ts'
import { withCliMessages } from '../molecule-compat/cli-message.ts'

/**
 * Parses a path below `/workspaces/:id/a2a`. An empty tail is JSON-RPC, with or without a trailing slash
 * (docs/facts/a2a.md §3.1); any other tail is a path of the HTTP+JSON binding, unchanged.
 * @returns undefined for other paths, such as the agent card's, and for one that could leave the agent's binding
 *   (isPlainPath)
 */
export function matchA2a(pathname: string): A2aPath | undefined {
  const [, workspaceId, tail = ''] = /^\/workspaces\/([^/]+)\/a2a(\/.*)?$/.exec(pathname) ?? []
  if (workspaceId === undefined || tail.startsWith('/.well-known/') || !isPlainPath(tail)) return undefined
  return { workspaceId, tail: tail === '/' ? '' : tail }
}

const METHODS_WITH_BODY = new Set(['POST', 'PUT', 'PATCH'])
const REST_METHODS = new Set(['GET', 'HEAD', 'DELETE', ...METHODS_WITH_BODY])

/** @returns a handler that resolves when its response has ended */
export function createA2aHandler(
  services: Services,
  exposure: Exposure,
): (incoming: A2aExchange) => Promise<void> {
  const authenticate = createAuthenticator(services, exposure)
  const { config } = services
  return config.moleculeCompat ? withCliMessages(handle, config.a2a.maxBodyBytes) : handle

  function handle(incoming: A2aExchange): Promise<void> {
    const { extraHeaders, path, requestId, waitUntil, writer } = incoming
    extraHeaders['x-request-id'] = requestId
    const answering: Answering = {
      path,
      requestId,
      waitUntil,
      writer,
      envelope: NO_ENVELOPE,
      bytes: undefined,
    }
    return answer(answering, receive(incoming, answering))
  }

  // Apart from receiving, because an open stream keeps every variable of an async function that waits for it.
  async function answer(answering: Answering, received: Promise<A2aRequest | undefined>): Promise<void> {
    const { waitUntil, writer } = answering
    try {
      const request = await received
      if (request === undefined) return
      const store = canBeStored(request) ? () => sendToPolledAgent(services, writer, request) : undefined
      const kept = config.moleculeCompat
        ? keepMessage(services, request, writer)
        : { services, reply: writer }
      await proxyRequest(kept.services, request, { reply: kept.reply, waitUntil, store })
    } catch (error) {
      // Nobody reads this response; it ends the request for the runtime and for the metrics.
      if (error instanceof RequestCutOff) sendResponse(writer, 400, {}, '')
      else sendError(services, answering, error)
    } finally {
      answering.bytes?.release()
    }
  }

  /** @returns undefined for a request that has been answered, because it is delivered later */
  async function receive(incoming: A2aExchange, answering: Answering): Promise<A2aRequest | undefined> {
    const { method, path } = incoming
    const isAllowed = path.tail === '' ? method === 'POST' : REST_METHODS.has(method)
    if (!isAllowed) throw refusedMethod(incoming)
    const admitting = admit(incoming)
    const admission = admitting instanceof Promise ? await admitting : admitting
    const bytes = 'error' in admission ? undefined : services.limits.openBody(admission.workspaceId)
    answering.bytes = bytes
    // The body comes before the refusal, so that every error carries the caller's JSON-RPC id.
    const body = await readBody(services, incoming, bytes)
    if (isOversized(body)) {
      if (path.tail === '') answering.envelope = body.envelope
      throw 'error' in admission ? admission.error : notKept(services, bytes)
    }
    const parsing = path.tail === '' && body !== undefined ? parseEnvelope(body) : undefined
    const parsed = parsing instanceof Promise ? await parsing : parsing
    answering.envelope = parsed?.envelope ?? NO_ENVELOPE
    if ('error' in admission) throw admission.error
    const { caller, workspaceId } = admission
    const preferences = parsePrefer(incoming.header('prefer'))
    const request: A2aRequest = {
      workspaceId,
      caller,
      requestId: incoming.requestId,
      method,
      tail: path.tail,
      query: incoming.query,
      headers: incoming.headers,
      connection: incoming.header('connection'),
      traceparent: incoming.header('traceparent'),
      body,
      bodyBytes: bytes,
      isJson: parsed?.isText === true && isJsonType(incoming.header('content-type')),
      envelope: answering.envelope,
      publicUrl: baseUrlFor(config, caller, incoming.origin),
      waitMs: preferences.wait === undefined ? undefined : preferences.wait * 1000,
    }
    if (preferences.respondAsync && canBeStored(request)) {
      await storeForDelivery(services, incoming, request)
      return undefined
    }
    confirmWait(incoming, preferences)
    return request
  }

  /** Before its body is read, so that nothing is kept for a caller who is refused. Most callers are known and need no promise. */
  function admit(incoming: A2aExchange): Admitted | Promise<Admitted> {
    try {
      const caller = authenticate(incoming)
      return caller instanceof Promise
        ? caller.then((known) => admitCaller(incoming, known)).catch(refusal)
        : admitCaller(incoming, caller)
    } catch (error) {
      return { error }
    }
  }

  function admitCaller(incoming: A2aExchange, caller: Caller): Admitted | Promise<Admitted> {
    verifyCallerHeader(caller, incoming.header('x-workspace-id'))
    Object.assign(incoming.extraHeaders, services.limits.countRequest(callerKey(caller)))
    const { workspaceId } = incoming.path
    const id = normalizeUuid(workspaceId)
    if (id !== undefined && authorize(A2A_POLICY, caller, id) === 'allowed')
      return { caller, workspaceId: id }
    return checkAccess(services, caller, workspaceId).then(
      (found) => ({ caller, workspaceId: found }),
      refusal,
    )
  }
}

/** What is known of a request while it is answered. */
type Answering = Pick<A2aExchange, 'path' | 'requestId' | 'waitUntil' | 'writer'> & {
  envelope: Envelope
  bytes: BodyBytes | undefined
}

const canBeStored = ({ envelope, isJson }: A2aRequest) => isJson && isSend(envelope.method)

type Admitted = { caller: Caller; workspaceId: string } | { error: unknown }

const refusal = (error: unknown): Admitted => ({ error })

/** Of the body of a refused request so much is read for its id, in bytes. */
const REFUSED_BYTES = 65_536

function notKept({ config }: Services, bytes: BodyBytes | undefined): ProxyError {
  if (bytes?.isRefused !== true)
    return new ProxyError('BODY_TOO_LARGE', `the body is larger than ${config.a2a.maxBodyBytes} bytes`)
  const message =
    'the requests that are under way to the workspace have too large bodies together (A2A_MAX_BYTES_IN_FLIGHT): wait for one to end'
  return new ProxyError('TOO_MANY_REQUESTS_IN_FLIGHT', message)
}

function refusedMethod({ extraHeaders, method, path: { tail } }: A2aExchange): ProxyError {
  extraHeaders['allow'] = tail === '' ? 'POST' : [...REST_METHODS].join(', ')
  return new ProxyError(
    'METHOD_NOT_ALLOWED',
    tail === ''
      ? `JSON-RPC messages are sent with POST, not ${method}; GET /workspaces/{id}/.well-known/agent-card.json returns the agent card`
      : `this path supports ${extraHeaders['allow']}, not ${method}`,
  )
}

/** Only JSON is normalised; other bodies pass unchanged (docs/facts/a2a.md §3.9). */
const isJsonType = (type: string | undefined) =>
  type !== undefined && /^application\/([\w.-]+\+)?json\b/i.test(type)

/**
 * Without ADMIN_TOKEN, content types that a web page can send across origins without a preflight are refused
 * (docs/facts/a2a.md §3.9). With it, the agent judges the type.
 * @throws ProxyError CONTENT_TYPE
 * @throws RequestCutOff
 */
function readBody(
  { config }: Services,
  { header, method, readBody: read }: A2aExchange,
  bytes: BodyBytes | undefined,
): Promise<Uint8Array | OversizedBody> | undefined {
  if (!METHODS_WITH_BODY.has(method)) return undefined
  const type = (header('content-type') ?? '').toLowerCase()
  const isSimple = type === '' || /^(text\/plain|multipart\/|application\/x-www-form-urlencoded)/.test(type)
  if (config.adminTokens.length === 0 && isSimple) {
    throw new ProxyError('CONTENT_TYPE', "send JSON, with the header 'Content-Type: application/json'")
  }
  const { maxBodyBytes } = config.a2a
  const limits: BodyLimits =
    bytes === undefined
      ? { maxBytes: Math.min(REFUSED_BYTES, maxBodyBytes), take: () => true }
      : { maxBytes: maxBodyBytes, take: (count) => bytes.take(count) }
  return read(limits)
}

/**
 * @returns the workspace's id in lower case
 * @throws ProxyError WORKSPACE_NOT_FOUND, also where the caller may not know that it exists; FORBIDDEN
 */
async function checkAccess(services: Services, caller: Caller, id: string): Promise<string> {
  const workspaceId = normalizeUuid(id) ?? (await findIdOfSlug(services.db, id.toLowerCase()))
  if (workspaceId === undefined) throw noPeer(caller)
  const decision = authorize(A2A_POLICY, caller, workspaceId)
  if (decision === 'allowed') return workspaceId
  if (decision === 'forbidden') throw new ProxyError('FORBIDDEN', 'this needs a token with the scope operate')
  if (caller.kind === 'workspace' && (await mayCommunicate(services, caller.workspaceId, workspaceId)))
    return workspaceId
  throw noPeer(caller)
}

const noPeer = (caller: Caller) =>
  new ProxyError(
    'WORKSPACE_NOT_FOUND',
    caller.kind === 'workspace'
      ? `workspace not found among your peers; GET /registry/${caller.workspaceId}/peers lists them`
      : 'workspace not found',
  )

function confirmWait({ extraHeaders }: A2aExchange, { wait }: Preferences): void {
  if (wait !== undefined) extraHeaders['preference-applied'] = `wait=${wait}`
}

/** `Prefer: respond-async`: stores the message, and answers with its URL. */
async function storeForDelivery(
  services: Services,
  { extraHeaders, waitUntil, writer }: A2aExchange,
  request: A2aRequest,
): Promise<void> {
  const accepted = await acceptFromSender(services, request)
  waitUntil(deliverSoon(services, request.workspaceId))
  extraHeaders['preference-applied'] = 'respond-async'
  sendQueued(writer, request, accepted)
}

function sendError(
  services: Services,
  { envelope, path, requestId, writer }: Answering,
  error: unknown,
): void {
  const failure = toProxyError(error)
  if (failure.reason === 'INTERNAL') {
    services.log('error', 'an A2A request failed', { request_id: requestId, error: failure.cause })
  }
  if (writer.begun) {
    writer.destroy()
    return
  }
  const { body, headers, status } = errorEncoderOf({ tail: path.tail, envelope }).answer(failure)
  sendResponse(writer, status, headers, body)
}

const REASONS: Partial<Record<ErrorCode, ProxyReason>> = {
  invalid_input: 'INVALID_PREFERENCE',
  unauthenticated: 'UNAUTHENTICATED',
  forbidden: 'FORBIDDEN',
  rate_limited: 'RATE_LIMITED',
  not_found: 'WORKSPACE_NOT_FOUND',
  unavailable: 'UNAVAILABLE',
  misconfigured: 'NOT_CONFIGURED',
}

function toProxyError(error: unknown): ProxyError {
  if (error instanceof ProxyError) return error
  const domain: DomainError = toDomainError(error)
  return new ProxyError(REASONS[domain.code] ?? 'INTERNAL', domain.message, {
    cause: domain.cause,
    ...(domain.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: domain.retryAfterSeconds }),
  })
}
