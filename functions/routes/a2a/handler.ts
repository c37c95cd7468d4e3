// The A2A door, whatever the runtime: reads a request, finds out who sends it and whether they may, and sends it on its road.
// Failures here are JSON-RPC errors with the caller's id, never problem documents, because A2A clients read nothing else.
import { mayCommunicate } from '../../../lib/a2a/peer-access.ts'
import type { HeaderPairs } from '../../../lib/a2a/wire/headers.ts'
import { type Envelope, isSend, NO_ENVELOPE, parseEnvelope } from '../../../lib/a2a/wire/json-rpc.ts'
import { ProxyError, type ProxyReason } from '../../../lib/a2a/errors/proxy-error.ts'
import { type ResponseWriter, sendResponse } from '../../../lib/a2a/response/response-writer.ts'
import { proxyRequest } from '../../../lib/a2a/proxy.ts'
import { type A2aRequest, errorEncoderOf } from '../../../lib/a2a/request.ts'
import { authorize } from '../../../lib/auth/authorize.ts'
import { type Caller, callerKey } from '../../../lib/auth/caller.ts'
import type { DomainError, ErrorCode } from '../../../lib/platform/errors.ts'
import { acceptMessage } from '../../../lib/messages/accept.ts'
import { deliverSoon } from '../../../lib/messages/deliver.ts'
import { normalizeUuid } from '../../../lib/platform/uuid.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { createAuthenticator, type RequestInfo, type Exposure } from '../../http/authenticate.ts'
import { corsHeaders } from '../../middleware/cors.ts'
import { A2A_POLICY } from '../../access-policy.ts'
import { verifyCallerHeader } from '../../http/verify-caller-header.ts'
import { toMessageView } from '../messages/view.ts'
import { parsePrefer, type Preferences } from '../../http/prefer.ts'
import { toDomainError } from '../../http/problem.ts'
import { baseUrlFor } from '../../http/public-url.ts'

export type A2aPath = { workspaceId: string; tail: string }

/**
 * What an address below /workspaces names: the door itself, in either spelling (a2a.md §3.1), or a path of the HTTP+JSON
 * binding, as it came. Undefined: something else, such as the agent's card.
 */
export function matchA2a(pathname: string): A2aPath | undefined {
  const [, workspaceId, tail = ''] = /^\/workspaces\/([^/]+)\/a2a(\/.*)?$/.exec(pathname) ?? []
  if (workspaceId === undefined || tail.startsWith('/.well-known/')) return undefined
  return { workspaceId, tail: tail === '/' ? '' : tail }
}

export type A2aExchange = RequestInfo & {
  path: A2aPath
  method: string
  /** `?…`, or empty. */
  query: string
  headers: HeaderPairs
  requestId: string
  /** Scheme and host that this caller used. */
  origin: () => string
  /** The body, or undefined when it is longer than `maxBytes`; no more than that is ever read. */
  readBody: (maxBytes: number) => Promise<Uint8Array | undefined>
  reply: ResponseWriter
  /** Headers of ours, on every answer. Filled here. */
  own: Record<string, string>
  waitUntil: (work: Promise<unknown>) => void
}

const WITH_BODY = new Set(['POST', 'PUT', 'PATCH'])
const CARRIED = new Set(['GET', 'DELETE', ...WITH_BODY])

export function createA2aHandler(
  services: Services,
  openness: Exposure,
): (knock: A2aExchange) => Promise<void> {
  const identify = createAuthenticator(services, openness)
  const { config } = services
  const isOpen = config.adminTokens.length === 0

  return async (knock) => {
    const { path, reply } = knock
    knock.own['x-request-id'] = knock.requestId
    Object.assign(knock.own, corsHeaders(config.corsOrigins, knock.header('origin')))
    let envelope = NO_ENVELOPE
    try {
      const allowed = path.tail === '' ? knock.method === 'POST' : CARRIED.has(knock.method)
      if (!allowed) return refuseMethod(reply, path)
      // Read first: an answer of ours, also a refusal, carries the caller's id.
      const body = await readBody(knock, isOpen, config.a2a.maxBodyBytes)
      const parsed = path.tail === '' && body !== undefined ? parseEnvelope(body) : undefined
      envelope = parsed?.envelope ?? NO_ENVELOPE
      const caller = await identify(knock)
      verifyCallerHeader(caller, knock.header('x-workspace-id'))
      Object.assign(knock.own, services.limits.countRequest(callerKey(caller)))
      const workspaceId = await checkAccess(services, caller, path.workspaceId)
      const preferences = parsePrefer(knock.header('prefer'))
      const request: A2aRequest = {
        workspaceId,
        caller,
        requestId: knock.requestId,
        method: knock.method,
        tail: path.tail,
        query: knock.query,
        headers: knock.headers,
        connection: knock.header('connection'),
        body,
        text: isJson(knock.header('content-type')) ? parsed?.text : undefined,
        envelope,
        publicUrl: baseUrlFor(config, caller, knock.origin),
        waitMs: preferences.wait === undefined ? undefined : preferences.wait * 1000,
      }
      if (preferences.respondAsync && request.text !== undefined && isSend(envelope.method)) {
        await acceptForLater(services, knock, request)
        return
      }
      confirm(knock, preferences)
      await proxyRequest(services, request, { reply, waitUntil: knock.waitUntil })
    } catch (error) {
      tellFailure(services, knock, envelope, error)
    }
  }
}

function refuseMethod(reply: ResponseWriter, { tail }: A2aPath): void {
  sendResponse(reply, 405, { allow: tail === '' ? 'POST' : [...CARRIED].join(', ') }, '')
}

/** What may be completed; to anything else we add nothing (a2a.md §3.9). */
const isJson = (type: string | undefined) =>
  type !== undefined && /^application\/([\w.-]+\+)?json\b/i.test(type)

/**
 * The body, up to the limit. Where no credential is asked for, types that a web page can send to a stranger's server without
 * asking are refused (a2a.md §3.9); everything else is for the agent to judge.
 */
async function readBody(
  knock: A2aExchange,
  isOpen: boolean,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  if (!WITH_BODY.has(knock.method)) return undefined
  const type = (knock.header('content-type') ?? '').toLowerCase()
  if (isOpen && (type === '' || /^(text\/plain|multipart\/|application\/x-www-form-urlencoded)/.test(type))) {
    throw new ProxyError('CONTENT_TYPE', "send JSON, with the header 'Content-Type: application/json'")
  }
  const body = await knock.readBody(maxBytes)
  if (body === undefined) throw new ProxyError('BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes`)
  return body
}

/** @returns the workspace's id, as it is stored. @throws ProxyError WORKSPACE_NOT_FOUND, for what is not theirs to know too */
async function checkAccess(services: Services, caller: Caller, id: string): Promise<string> {
  const workspaceId = normalizeUuid(id)
  if (workspaceId === undefined)
    throw new ProxyError('WORKSPACE_NOT_FOUND', 'workspace not found: its id is a UUID')
  const verdict = authorize(A2A_POLICY, caller, workspaceId)
  if (verdict === 'allowed') return workspaceId
  if (verdict === 'forbidden') throw new ProxyError('FORBIDDEN', 'this needs a token with the scope operate')
  if (caller.kind !== 'workspace') throw new ProxyError('WORKSPACE_NOT_FOUND', 'workspace not found')
  if (await mayCommunicate(services, caller.workspaceId, workspaceId)) return workspaceId
  throw new ProxyError(
    'WORKSPACE_NOT_FOUND',
    `workspace not found among those you may talk to; GET /registry/${caller.workspaceId}/peers lists yours`,
  )
}

function confirm({ own }: A2aExchange, { wait }: Preferences): void {
  if (wait !== undefined) own['preference-applied'] = `wait=${wait}`
}

/** `Prefer: respond-async`: stored, and answered with where to look. */
async function acceptForLater(services: Services, knock: A2aExchange, request: A2aRequest): Promise<void> {
  const { message, depth } = await acceptMessage(services, request)
  knock.waitUntil(deliverSoon(services, message.workspaceId))
  const view = toMessageView(message, request.publicUrl)
  knock.own['preference-applied'] = 'respond-async'
  const headers = { 'content-type': 'application/json', location: view.url, 'cache-control': 'no-store' }
  // The first three members are what Molecule's clients know of a message that waits (molecule.md §3.4).
  const queued = { queued: true, queue_id: message.id, queue_depth: depth }
  sendResponse(knock.reply, 202, headers, JSON.stringify({ ...queued, ...view }))
}

function tellFailure(services: Services, knock: A2aExchange, envelope: Envelope, error: unknown): void {
  const { path, reply, requestId } = knock
  const failure = toProxyError(error)
  if (failure.reason === 'INTERNAL') {
    services.log('error', 'an A2A request failed', { request_id: requestId, error: failure.cause })
  }
  if (reply.begun) {
    reply.destroy()
    return
  }
  const { body, headers, status } = errorEncoderOf({ tail: path.tail, envelope }).answer(failure)
  sendResponse(reply, status, headers, body)
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
