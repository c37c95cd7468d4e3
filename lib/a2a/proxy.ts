// The road of one A2A request: wait for the workspace, send to its machine, hand the answer on, and try again only where
// nothing can have been delivered or nothing is changed by it. Writes nothing before the answer, and reads nothing that was
// read a few seconds ago.
import type { Core } from '../platform/context.ts'
import type { ProxyContext } from './context.ts'
import { withRequestBudget } from '../platform/subrequest-budget.ts'
import { type Caller, callerKey } from '../auth/caller.ts'
import { scheduleRecheck } from '../reconcile/schedule-recheck.ts'
import { keepWorkspaceAwake, resolveRoute } from './resolve-route.ts'
import { rewriteExtendedCard } from './wire/agent-card.ts'
import { normalizeMessage } from './wire/normalize-message.ts'
import { beginKeepaliveStream } from './response/keepalive-stream.ts'
import { exchange, type Outcome } from './exchange.ts'
import { type HeaderPairs, requestHeaders } from './wire/headers.ts'
import { type Envelope, isExtendedCard, isRead, isStream } from './wire/json-rpc.ts'
import type { RequestSlot } from './limits.ts'
import { ProxyError } from './errors/proxy-error.ts'
import { type ResponseWriter, sendResponse, toBytes } from './response/response-writer.ts'
import type { Route } from './route.ts'
import { jsonRpcErrors, restErrors, type ErrorEncoder } from './errors/error-encoder.ts'

export type A2aRequest = {
  workspaceId: string
  caller: Caller
  requestId: string
  /** The HTTP method. */
  method: string
  /** Path below the workspace's A2A door: empty for JSON-RPC, `/message:send` and the like for HTTP+JSON. As it came. */
  tail: string
  /** `?…`, or empty. */
  query: string
  headers: HeaderPairs
  /** The `Connection` header, whose names stay behind. */
  connection: string | undefined
  body: Uint8Array | undefined
  /** The body as text, where it is JSON by its type and may be completed. */
  text: string | undefined
  envelope: Envelope
  /** Where callers reach us, without a trailing slash. */
  publicUrl: string
  /** How long the caller waits for a workspace that is on its way, in milliseconds; undefined: as long as is usual. */
  waitMs: number | undefined
}

export type ProxyOptions = {
  reply: ResponseWriter
  /** Work that goes on after the answer. */
  waitUntil: (work: Promise<unknown>) => void
}

/** How long a caller is kept waiting for a workspace that is on its way: proxies on the way give up at about 100 s. */
const WAIT_MS = 60_000

/** A caller of a stream is told that it waits, after this long: what wakes up sooner can still answer with its own status. */
const EARLY_MS = 1_000

/** Requests that are not spent on trying again. */
const KEPT = 4

/** For how long a connection that did not come about is tried again. */
const RETRY_MS = 5_000

export const errorEncoderOf = (request: Pick<A2aRequest, 'tail' | 'envelope'>): ErrorEncoder =>
  request.tail === '' ? jsonRpcErrors(request.envelope) : restErrors

/**
 * Carries one request to its workspace's agent. Says everything there is to say to the caller.
 * @returns how it ended; `failed` was told to the caller too
 */
export async function proxyRequest(
  services: ProxyContext,
  request: A2aRequest,
  travel: ProxyOptions,
): Promise<Outcome> {
  const { workspaceId } = request
  const started = performance.now()
  const place = services.limits.acquire(workspaceId)
  let outcome: Outcome
  try {
    outcome = await attemptUntilAnswered(services, request, travel, place)
  } finally {
    place.release()
  }
  logTrouble(services, request, outcome)
  noteActivity(services, request, outcome, Math.round(performance.now() - started), travel)
  return outcome
}

async function attemptUntilAnswered(
  services: ProxyContext,
  request: A2aRequest,
  { reply: first, waitUntil }: ProxyOptions,
  place: RequestSlot,
): Promise<Outcome> {
  const { workspaceId } = request
  const left = new AbortController()
  // Once for all attempts: what is sent again has the id that it had.
  const body = bodyOf(request)
  let reply = first
  const patience = {
    ms: request.waitMs ?? (wantsStream(request) ? services.config.a2a.silenceMs : WAIT_MS),
    signal: left.signal,
    waitUntil,
    onWait() {
      if (!wantsStream(request) || request.waitMs === 0) return
      void begin()
    },
  }
  let arrived = false
  async function begin(): Promise<void> {
    await services.sleep(EARLY_MS, left.signal)
    if (left.signal.aborted || arrived || reply !== first) return
    reply = beginKeepaliveStream(first)
    reply.onDisconnect = () => left.abort()
  }
  let counted: ProxyContext | undefined
  // Most messages need none of it, and are not to pay for it.
  const own = () => (counted ??= withRequestBudget(services))
  let retryUntil: number | undefined
  for (let pause = 50; ; pause = Math.min(pause * 2, 1_000)) {
    arrived = false
    first.onDisconnect = () => left.abort()
    let route: Route
    try {
      route = services.routes.peek(workspaceId) ?? (await resolveRoute(own(), workspaceId, patience))
    } catch (error) {
      // Once the stream has begun, nobody else can tell the caller.
      if (!(error instanceof ProxyError) && reply === first) throw error
      return tell(reply, errorEncoderOf(request), error instanceof ProxyError ? error : unavailable(error))
    } finally {
      arrived = true
    }
    if (left.signal.aborted) return { kind: 'gone' }
    const outcome = await traced(services, request, () =>
      sendOnce(counted ?? services, request, body, route, reply, place),
    )
    if (outcome.kind !== 'failed') return outcome
    // Whatever we knew of its machine may be what was wrong.
    services.routes.delete(workspaceId)
    const now = services.now().getTime()
    retryUntil ??= now + RETRY_MS
    if (now >= retryUntil || !mayRepeat(request, outcome.error) || own().budget.left() < KEPT) {
      if (isTrouble(outcome.error)) waitUntil(scheduleRecheck(own(), workspaceId, route.generation))
      return tell(reply, errorEncoderOf(request), outcome.error)
    }
    first.onDisconnect = () => left.abort()
    await services.sleep(pause, left.signal)
    if (left.signal.aborted) return { kind: 'gone' }
  }
}

/** Says to a caller who was not told anything yet why there is no answer. */
function tell(reply: ResponseWriter, voice: ErrorEncoder, error: ProxyError): Outcome {
  const { body, headers, status } = voice.answer(error)
  sendResponse(reply, status, headers, body)
  return { kind: 'failed', error }
}

const unavailable = (cause: unknown) =>
  new ProxyError('UNAVAILABLE', 'the control plane cannot look the workspace up now', { cause })

const wantsStream = ({ envelope, tail }: A2aRequest): boolean =>
  tail === '' ? isStream(envelope.method) : /:(stream|subscribe)$/.test(tail)

/** It may be the machine's fault, not the agent's. */
const isTrouble = ({ reason }: ProxyError) =>
  reason === 'AGENT_UNREACHABLE' || reason === 'AGENT_CONNECTION_LOST'

// Nothing that may have been delivered is ever sent twice, unless it only reads (a2a.md §3.7).
function mayRepeat(request: A2aRequest, error: ProxyError): boolean {
  if (!isTrouble(error)) return false
  if (error.delivered === 'no') return true
  return request.tail === '' ? isRead(request.envelope.method) : request.method === 'GET'
}

/** One attempt as a span; the agent's own spans become its children. */
function traced(services: Core, request: A2aRequest, send: () => Promise<Outcome>): Promise<Outcome> {
  const { envelope, method, requestId, tail, workspaceId } = request
  const attributes = {
    'molecule.workspace_id': workspaceId,
    'molecule.request_id': requestId,
    'rpc.method': tail === '' ? envelope.method : undefined,
    'http.request.method': method,
  }
  return services.tracer.span('A2A exchange', { kind: 'client', attributes }, async (span) => {
    const outcome = await send()
    if (outcome.kind === 'answered') span.set({ 'http.response.status_code': outcome.status })
    else if (outcome.kind === 'gone') span.set({ 'molecule.outcome': 'gone' })
    else {
      span.set({ 'molecule.outcome': outcome.kind, 'molecule.delivered': outcome.error.delivered })
      span.fail(outcome.error.reason)
    }
    return outcome
  })
}

async function sendOnce(
  services: ProxyContext,
  request: A2aRequest,
  body: Uint8Array | undefined,
  route: Route,
  reply: ResponseWriter,
  place: RequestSlot,
): Promise<Outcome> {
  const { caller, envelope, requestId, tail, workspaceId } = request
  const binding = tail === '' ? 'json-rpc' : 'rest'
  const base = binding === 'rest' ? route.paths.rest : route.paths.jsonRpc
  if (base === undefined) {
    const message = 'the agent does not offer HTTP+JSON: post JSON-RPC to the address in its card'
    return { kind: 'failed', error: new ProxyError('BINDING_NOT_OFFERED', message) }
  }
  const traceparent = services.tracer.traceparent()
  const tracing = traceparent === undefined ? {} : { traceparent }
  const isCard = binding === 'rest' ? EXTENDED_CARD_PATH.test(tail) : isExtendedCard(envelope.method)
  const rest = route.hasIdlePolicy ? keepWorkspaceAwake(services, workspaceId) : undefined
  try {
    return await exchange({
      transport: (sent, receiver) =>
        services.transport(sent, {
          ...receiver,
          head(status, headers, connection) {
            if (isEventStream(headers)) place.markStreaming()
            receiver.head(status, headers, connection)
          },
          data(chunk) {
            place.touch()
            receiver.data(chunk)
          },
        }),
      request: {
        origin: route.origin,
        path: `${base}${tail}${request.query}`,
        method: request.method,
        headers: requestHeaders(request.headers, request.connection, {
          ...route.headers,
          'x-request-id': requestId,
          ...tracing,
          ...(caller.kind === 'workspace' ? { 'x-workspace-id': caller.workspaceId } : {}),
        }),
        body,
        silenceMs: services.config.a2a.silenceMs,
      },
      reply,
      voice: errorEncoderOf(request),
      rewrite: isCard
        ? (answer) =>
            rewriteExtendedCard(answer, binding, {
              url: `${request.publicUrl}/workspaces/${workspaceId}/a2a`,
              secured: services.config.adminTokens.length > 0,
            })
        : undefined,
    })
  } finally {
    rest?.()
  }
}

const isEventStream = (headers: HeaderPairs) =>
  headerOf(headers, 'content-type')?.toLowerCase().startsWith('text/event-stream') === true

/** `/v1/card` in 0.3, `/extendedAgentCard` in 1.0, either below a tenant (a2a.md §2.9). */
const EXTENDED_CARD_PATH = /\/(v1\/card|extendedAgentCard)$/

function bodyOf({ body, envelope, tail, text }: A2aRequest): Uint8Array | undefined {
  if (tail !== '' || text === undefined || body === undefined) return body
  const completed = normalizeMessage(text, envelope)
  return completed === text ? body : toBytes(completed)
}

/** Why a message found no answer; one line, with what its caller was told. */
function logTrouble({ log, tracer }: Core, request: A2aRequest, outcome: Outcome): void {
  if (!('error' in outcome)) return
  const { delivered, message, reason } = outcome.error
  log('info', 'an A2A request got no answer', {
    request_id: request.requestId,
    workspace_id: request.workspaceId,
    reason,
    delivered,
    detail: message,
    traceparent: tracer.traceparent() ?? headerOf(request.headers, 'traceparent'),
  })
}

function headerOf(headers: HeaderPairs, wanted: string): string | undefined {
  for (const [name, value] of headers) if (name === wanted) return value
  return undefined
}

// Bodies are the agents' and their callers' own: what is kept is that there was a message, from whom, and how it went.
function noteActivity(
  services: ProxyContext,
  request: A2aRequest,
  outcome: Outcome,
  durationMs: number,
  { waitUntil }: ProxyOptions,
): void {
  const { caller, envelope, tail, workspaceId } = request
  const error = 'error' in outcome ? outcome.error : undefined
  const method = tail === '' ? (envelope.method ?? null) : `${request.method} ${tail}`
  const written = services.activity.record({
    workspaceId,
    type: 'a2a_receive',
    sourceId: caller.kind === 'workspace' ? caller.workspaceId : null,
    targetId: workspaceId,
    method,
    summary: `${method ?? 'a request'} from ${callerKey(caller)}`,
    durationMs,
    status: outcome.kind === 'answered' && outcome.status < 400 ? 'ok' : 'error',
    errorDetail: error?.message ?? (outcome.kind === 'gone' ? 'the caller hung up' : null),
    at: services.now(),
  })
  if (written !== undefined) waitUntil(written)
}
