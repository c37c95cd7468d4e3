// A2A in the Hono app: every A2A request on Workers. On Node, functions/node/a2a-handler.ts handles them before the
// app.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Services } from '../../../lib/control-plane/services.ts'
import type { AppEnv } from '../../http/app-env.ts'
import type { Exposure } from '../../http/authenticate.ts'
import { described } from '../../../lib/platform/described.ts'
import { IdParam } from '../../http/openapi.ts'
import { readA2aBody } from '../../http/read-a2a-body.ts'
import { requestInfo } from '../../http/request-info.ts'
import { WebResponseWriter } from '../../http/web-response-writer.ts'
import { cutOff } from './exchange.ts'
import { createA2aHandler, matchA2a } from './handler.ts'

const FAILURE = described(() => ({
  description:
    'An error with the id of the request. `data.reason` says why the agent could not answer, `data.delivered` whether it may have received the message, `data.retry_after` when to try again, in seconds.',
  content: { 'application/json': { schema: z.looseObject({ error: z.looseObject({}) }) } },
}))

const responses = described(() => ({
  200: {
    description: "The agent's own response, byte for byte: JSON, or an event stream for streaming methods.",
    content: {
      'application/json': { schema: z.looseObject({}) },
      'text/event-stream': { schema: z.string() },
    },
  },
  202: {
    description:
      'With `Prefer: respond-async`: the message is stored, and is delivered once and in order. `Location` is its URL.',
    content: { 'application/json': { schema: z.looseObject({ queued: z.boolean(), queue_id: z.uuid() }) } },
  },
  401: { ...FAILURE, description: 'The credential is missing or not valid.' },
  default: FAILURE,
}))

export function a2aRoutes(services: Services, exposure: Exposure) {
  const app = new OpenAPIHono<AppEnv>()
  const handle = createA2aHandler(services, exposure)

  app.all('/workspaces/:id/a2a', answer)
  app.all('/workspaces/:id/a2a/*', async (c, next) =>
    matchA2a(new URL(c.req.url).pathname) ? answer(c) : next(),
  )

  function answer(c: Context<AppEnv>): Promise<Response> {
    const { pathname, search, origin } = new URL(c.req.url)
    const path = matchA2a(pathname)
    if (path === undefined) throw new Error(`not an A2A path: ${pathname}`)
    const extraHeaders: Record<string, string> = {}
    const writer = new WebResponseWriter(extraHeaders, c.req.raw.signal, c.req.method === 'HEAD')
    const done = handle({
      ...requestInfo(services.config, c),
      path,
      method: c.req.method,
      query: search,
      headers: [...c.req.raw.headers].flat(),
      requestId: c.get('requestId'),
      origin: () => origin,
      readBody: (limits) => readA2aBody(c.req.raw, limits).catch(cutOff),
      writer,
      extraHeaders,
      waitUntil: (work) => c.executionCtx.waitUntil(work),
    })
    // A Worker may stop work that no request waits for. An open stream counts as a waiting request.
    c.executionCtx.waitUntil(done)
    return writer.response
  }

  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/workspaces/{id}/a2a',
    operationId: 'sendToAgent',
    description: described(
      () =>
        'A2A over JSON-RPC, versions 0.3 and 1.0. The request waits for a workspace that is asleep or starting: up to 60 s, or as long as `Prefer: wait=N` says. The caller of a stream receives comments meanwhile.',
    ),
    request: {
      params: IdParam,
      body: {
        required: true,
        content: { 'application/json': { schema: z.looseObject({ method: z.string() }) } },
      },
    },
    responses,
  })
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/workspaces/{id}/a2a/{path}',
    operationId: 'sendToAgentOverRest',
    description: described(
      () =>
        'A2A over HTTP+JSON, where the agent offers it: `message:send`, `tasks/{id}`, `v1/message:stream` … Also GET, HEAD and DELETE.',
    ),
    request: { params: IdParam.extend({ path: z.string() }) },
    responses: described(() => {
      const { 202: _, ...direct } = responses
      return direct
    }),
  })
  return app
}
