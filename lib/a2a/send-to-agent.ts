// One attempt to send a request to a known machine: its path and headers, and what is counted while it lasts.
import { BusyMark } from './busy-mark.ts'
import type { ExchangeObserver } from './exchange-observer.ts'
import { exchange, type ExchangeOutcome } from './exchange.ts'
import type { ProxyContext } from './context.ts'
import { ProxyError } from './errors/proxy-error.ts'
import type { RequestSlot } from './limits.ts'
import { type A2aRequest, type Binding, bindingOf, freeContent, mayBeAnsweredEmpty } from './request.ts'
import type { ResponseWriter } from './response/response-writer.ts'
import type { Route } from './route.ts'
import { rewriteExtendedCard } from './wire/agent-card.ts'
import { type HeaderList, requestHeaders } from './wire/headers.ts'
import { isExtendedCard, isV1Method } from './wire/json-rpc.ts'

export type Attempt = {
  request: A2aRequest
  route: Route
  reply: ResponseWriter
  slot: RequestSlot
}

export function sendToAgent(services: ProxyContext, attempt: Attempt): Promise<ExchangeOutcome> {
  const { reply, request, route, slot } = attempt
  const binding = bindingOf(request)
  const path = pathAtAgent(request, route)
  if (path === undefined) {
    const error = new ProxyError('BINDING_NOT_OFFERED', notOffered(binding, route))
    return Promise.resolve({ kind: 'failed', error })
  }
  const headers = requestHeaders(request.headers, request.connection, proxyHeaders(services, request, route))
  const { silenceMs, streamKeepaliveMs } = services.config.a2a
  const body = request.completedBody ?? request.body
  return exchange(
    { origin: route.origin, path, method: request.method, headers, body, silenceMs },
    {
      transport: services.transport,
      reply,
      asked: request,
      mayBeEmpty: mayBeAnsweredEmpty(request),
      observer: new AttemptObserver(services, request, slot),
      keepaliveMs: streamKeepaliveMs,
      rewrite: answersWithCard(request) ? cardRewriter(services, request) : undefined,
    },
  )
}

/** Keeps what counts an attempt up to date while it lasts. */
class AttemptObserver implements ExchangeObserver {
  readonly #request: A2aRequest
  readonly #slot: RequestSlot
  readonly #mark: BusyMark

  constructor(services: ProxyContext, request: A2aRequest, slot: RequestSlot) {
    this.#request = request
    this.#slot = slot
    this.#mark = new BusyMark(services, request.workspaceId)
    slot.setAtMachine(true)
  }

  begin(isStream: boolean, holdsBody: boolean): void {
    if (isStream) this.#slot.markStreaming()
    freeContent(this.#request)
    if (!holdsBody) this.#request.bodyBytes?.release()
  }

  touch(): void {
    this.#slot.touch()
  }

  end(): void {
    this.#slot.setAtMachine(false)
    this.#mark.end()
  }
}

function cardRewriter(
  { config }: Pick<ProxyContext, 'config'>,
  request: A2aRequest,
): (answer: string) => string {
  const options = {
    url: `${request.publicUrl}/workspaces/${request.workspaceId}/a2a`,
    secured: config.adminTokens.length > 0,
  }
  return (answer) => rewriteExtendedCard(answer, bindingOf(request), options)
}

/** @returns undefined for a binding that the agent does not offer */
function pathAtAgent(request: A2aRequest, { paths }: Route): string | undefined {
  const { envelope, query, tail } = request
  if (bindingOf(request) === 'rest') {
    const base = tail.startsWith('/v1/') ? paths.rest?.v0_3 : paths.rest?.v1
    return base === undefined ? undefined : `${base}${tail}${query}`
  }
  const path = isV1Method(envelope.method) ? paths.jsonRpc?.v1 : paths.jsonRpc?.v0_3
  if (path === undefined) return undefined
  // The agent's address may have a query of its own.
  return `${path}${path.includes('?') ? query.replace('?', '&') : query}`
}

function notOffered(binding: Binding, { paths }: Route): string {
  if (paths.jsonRpc === undefined && paths.rest === undefined)
    return 'the agent cannot be reached over HTTP: its card offers only gRPC'
  return binding === 'rest'
    ? 'the agent does not offer HTTP+JSON: post JSON-RPC to the address in its card'
    : 'the agent does not offer JSON-RPC: use HTTP+JSON at the address in its card'
}

/** The headers that only the proxy may set: which machine, its credential there, and the authenticated caller. */
function proxyHeaders(
  { tracer }: Pick<ProxyContext, 'tracer'>,
  { caller, requestId }: A2aRequest,
  route: Route,
): HeaderList {
  const traceparent = tracer.traceparent()
  return [
    ...route.headers,
    'x-request-id',
    requestId,
    ...(traceparent === undefined ? [] : ['traceparent', traceparent]),
    ...(caller.kind === 'workspace' ? ['x-workspace-id', caller.workspaceId] : []),
  ]
}

/** `/v1/card` in 0.3, `/extendedAgentCard` in 1.0, either below a tenant (docs/facts/a2a.md §2.9). */
const answersWithCard = (request: A2aRequest): boolean =>
  bindingOf(request) === 'json-rpc'
    ? isExtendedCard(request.envelope.method)
    : request.tail.endsWith('/v1/card') || request.tail.endsWith('/extendedAgentCard')
