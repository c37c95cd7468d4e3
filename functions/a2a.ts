// POST /workspaces/:id/a2a: the road every message takes. Failures here are JSON-RPC errors with the caller's id, never
// problem documents, because A2A clients read nothing else.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { completeMessage } from '../lib/a2a/complete.ts'
import {
  type Envelope,
  parseEnvelope,
  ProxyError,
  type ProxyReason,
  toJsonRpcResponse,
} from '../lib/a2a/json-rpc.ts'
import { proxyToAgent } from '../lib/a2a/proxy.ts'
import { openRoad, whileInUse } from '../lib/a2a/awake.ts'
import { routeOf } from '../lib/a2a/route.ts'
import type { DomainError, ErrorCode } from '../lib/errors.ts'
import type { Services } from '../lib/services.ts'
import type { AppEnv } from './app-env.ts'
import { assertMayUse, authenticate, type Openness } from './authenticate.ts'
import { readBounded } from './read-bounded.ts'
import { toDomainError } from './problem.ts'

const NO_ENVELOPE: Envelope = { id: null, method: undefined, body: undefined }
const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

export function a2aRoutes(services: Services, openness: Openness) {
  const app = new OpenAPIHono<AppEnv>()
  const identify = authenticate(services, openness)

  const door = async (c: Context<AppEnv>): Promise<Response> => {
    let envelope = NO_ENVELOPE
    try {
      // Read first: an answer of ours, also a refusal, carries the caller's id.
      const text = await readBody(c, services.config.a2a.maxBodyBytes)
      envelope = parseEnvelope(text)
      await identify(c, async () => {})
      return await forward(services, c, text, envelope)
    } catch (error) {
      const failure = toProxyError(error)
      if (failure.reason === 'INTERNAL') {
        services.log('error', 'an A2A request failed', {
          request_id: c.get('requestId'),
          error: failure.cause,
        })
      }
      return toJsonRpcResponse(failure, envelope)
    }
  }
  // Both spellings, and no redirect between them: many clients break on a redirected POST (a2a.md §3.1).
  app.post('/workspaces/:id/a2a', door)
  app.post('/workspaces/:id/a2a/', door)
  app.get('/workspaces/:id/a2a', (c) => c.body(null, 405, { allow: 'POST' }))

  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/workspaces/{id}/a2a',
    operationId: 'sendToAgent',
    request: {
      params: z.object({ id: z.uuid() }),
      body: {
        required: true,
        content: { 'application/json': { schema: z.looseObject({ method: z.string() }) } },
      },
    },
    responses: {
      200: {
        description: "The agent's own answer, byte for byte: JSON, or an event stream for streaming methods.",
        content: {
          'application/json': { schema: z.looseObject({}) },
          'text/event-stream': { schema: z.string() },
        },
      },
      default: {
        description:
          'A JSON-RPC error with the id of the request. `data.reason` says why the agent could not answer, `data.delivered` whether it may have got the message.',
        content: { 'application/json': { schema: z.looseObject({ error: z.looseObject({}) }) } },
      },
    },
  })
  return app
}

async function forward(
  services: Services,
  c: Context<AppEnv>,
  text: string,
  envelope: Envelope,
): Promise<Response> {
  const id = c.req.param('id') ?? ''
  if (!UUID.test(id)) throw new ProxyError('WORKSPACE_NOT_FOUND', 'workspace not found: its id is a UUID')
  assertMayUse(c, id)
  const { row, woken } = await openRoad(services, id, c.req.raw.signal)
  if (woken !== undefined) c.executionCtx.waitUntil(woken)
  const send = () =>
    proxyToAgent({
      route: routeOf(row, services.provisioner),
      headers: c.req.raw.headers,
      body: completeMessage(text, envelope),
      path: '/',
      signal: c.req.raw.signal,
      silenceMs: services.config.a2a.silenceMs,
      fetch: services.fetch,
    })
  return row.idleMinutes === null ? send() : whileInUse(services, id, send)
}

/**
 * The body, up to the limit. Types that a web page can send to a stranger's server without asking (a2a.md §3.9) are
 * refused; everything else is for the agent to judge.
 */
async function readBody(c: Context, maxBytes: number): Promise<string> {
  const type = (c.req.header('content-type') ?? '').toLowerCase()
  if (type === '' || /^(text\/plain|multipart\/|application\/x-www-form-urlencoded)/.test(type)) {
    throw new ProxyError('CONTENT_TYPE', "send JSON, with the header 'Content-Type: application/json'")
  }
  const text = await readBounded(c.req.raw, maxBytes)
  if (text === undefined) throw new ProxyError('BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes`)
  return text
}

const REASONS: Partial<Record<ErrorCode, ProxyReason>> = {
  unauthenticated: 'UNAUTHENTICATED',
  forbidden: 'FORBIDDEN',
  not_found: 'WORKSPACE_NOT_FOUND',
}

function toProxyError(error: unknown): ProxyError {
  if (error instanceof ProxyError) return error
  const domain: DomainError = toDomainError(error)
  const reason = REASONS[domain.code]
  if (reason !== undefined) return new ProxyError(reason, domain.message)
  const unavailable = domain.code === 'unavailable' || domain.code === 'misconfigured'
  return new ProxyError('INTERNAL', domain.message, {
    ...(unavailable ? { status: 503 } : {}),
    cause: domain.cause,
  })
}
