// The A2A door for the app: on Workers every message comes this way. On Node they take functions/node/a2a-handler.ts.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Services } from '../../../lib/control-plane/services.ts'
import { createA2aHandler, matchA2a } from './handler.ts'
import type { AppEnv } from '../../http/app-env.ts'
import type { Exposure } from '../../http/authenticate.ts'
import { requestInfo } from '../../http/request-info.ts'
import { readBody } from '../../http/read-body.ts'
import { createWebResponseWriter } from '../../http/web-response-writer.ts'

export function a2aRoutes(services: Services, openness: Exposure) {
  const app = new OpenAPIHono<AppEnv>()
  const door = createA2aHandler(services, openness)

  app.all('/workspaces/:id/a2a', pass)
  app.all('/workspaces/:id/a2a/*', async (c, next) =>
    matchA2a(new URL(c.req.url).pathname) ? pass(c) : next(),
  )

  function pass(c: Context<AppEnv>): Promise<Response> {
    const { pathname, search, origin } = new URL(c.req.url)
    const path = matchA2a(pathname)
    if (path === undefined) throw new Error(`not a path of A2A: ${pathname}`)
    const own: Record<string, string> = {}
    const { reply, response } = createWebResponseWriter(own, c.req.raw.signal)
    const done = door({
      ...requestInfo(services.config, c),
      path,
      method: c.req.method,
      query: search,
      headers: c.req.raw.headers,
      requestId: c.get('requestId'),
      origin: () => origin,
      readBody: (maxBytes) => readBody(c.req.raw, maxBytes),
      reply,
      own,
      waitUntil: (work) => c.executionCtx.waitUntil(work),
    })
    // A Worker may stop what no request waits for; a stream counts as waiting for as long as it is open.
    c.executionCtx.waitUntil(done)
    return response
  }

  const answers = {
    200: {
      description: "The agent's own answer, byte for byte: JSON, or an event stream for streaming methods.",
      content: {
        'application/json': { schema: z.looseObject({}) },
        'text/event-stream': { schema: z.string() },
      },
    },
    202: {
      description:
        'With `Prefer: respond-async`: stored, to be delivered once and in order. `Location` is where its answer will be.',
      content: { 'application/json': { schema: z.looseObject({ queued: z.boolean(), queue_id: z.uuid() }) } },
    },
    default: {
      description:
        'An error with the id of the request. `data.reason` says why the agent could not answer, `data.delivered` whether it may have got the message, `data.retry_after` when to come back.',
      content: { 'application/json': { schema: z.looseObject({ error: z.looseObject({}) }) } },
    },
  }
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/workspaces/{id}/a2a',
    operationId: 'sendToAgent',
    description:
      'A2A over JSON-RPC, 0.3 and 1.0. A workspace that sleeps or is on its way is waited for: up to 60 s, or as `Prefer: wait=N` says; a caller of a stream gets comments meanwhile.',
    request: {
      params: z.object({ id: z.uuid() }),
      body: {
        required: true,
        content: { 'application/json': { schema: z.looseObject({ method: z.string() }) } },
      },
    },
    responses: answers,
  })
  const { 202: _, ...direct } = answers
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/workspaces/{id}/a2a/{path}',
    operationId: 'sendToAgentOverRest',
    description:
      'A2A over HTTP+JSON, where the agent offers it: `message:send`, `tasks/{id}`, `v1/message:stream` … Also GET and DELETE.',
    request: { params: z.object({ id: z.uuid(), path: z.string() }) },
    responses: direct,
  })
  return app
}
