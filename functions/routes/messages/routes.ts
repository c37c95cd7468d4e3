// /workspaces/:id/messages: the state of messages that were accepted with `Prefer: respond-async`. Operators, the
// workspace itself and the sender of a message may read it.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { safeContentType } from '../../../lib/a2a/wire/headers.ts'
import { callerKey } from '../../../lib/auth/caller.ts'
import { decodeBase64 } from '../../../lib/platform/encoding.ts'
import { DomainError } from '../../../lib/platform/errors.ts'
import { answerMessage, AnswerInput } from '../../../lib/messages/answer.ts'
import { findMessage, listMessages, waitUntilFinished } from '../../../lib/messages/queries.ts'
import type { Message } from '../../../lib/messages/message.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { described } from '../../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, problem } from '../../http/openapi.ts'
import { MessageView, toMessageView } from './view.ts'
import { preferredWait } from '../../http/prefer.ts'
import { publicUrlOf } from '../../http/public-url.ts'
import { uuidInput } from '../../../lib/platform/uuid.ts'

const MessageParam = IdParam.extend({
  message: uuidInput().openapi({ param: { name: 'message', in: 'path' } }),
})

const listRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/messages',
  operationId: 'listMessages',
  request: {
    params: IdParam,
    query: z.object({
      state: z.enum(['queued', 'sending', 'answered', 'failed', 'unknown']).optional(),
      limit: z.coerce.number().int().min(1).max(500).default(100),
    }),
  },
  responses: described(() => ({
    200: json(
      z.array(MessageView.omit({ response: true })),
      'Stored messages to this workspace, newest first, without their responses.',
    ),
    404: problem('No such workspace.'),
  })),
})

const readRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/messages/{message}',
  operationId: 'getMessage',
  request: { params: MessageParam },
  responses: described(() => ({
    200: json(
      MessageView,
      'The state of the message, and its response. `Prefer: wait=30` waits until it is finished. `unknown`: it was sent, and it is not known whether it arrived.',
    ),
    404: problem('No such message, or it is no longer kept.'),
  })),
})

const responseRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/messages/{message}/response',
  operationId: 'getMessageResponse',
  request: { params: MessageParam },
  responses: described(() => ({
    200: {
      description: "The agent's own response, byte for byte, with its status and type.",
      content: { 'application/json': { schema: z.looseObject({}) } },
    },
    404: problem('No such message, or it has no response.'),
  })),
})

const answerRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/messages/{message}/response',
  operationId: 'answerMessage',
  request: { params: MessageParam, body: jsonBody(AnswerInput) },
  responses: described(() => ({
    200: json(
      MessageView.omit({ response: true }),
      'Answered. The sender gets it as a JSON-RPC response, in the A2A version of its message.',
    ),
    400: problem('The body has none or several of `text`, `result` and `error`.'),
    404: problem('No such message, or it is no longer kept.'),
    409: problem('The message was not fetched by its agent, or is finished.'),
  })),
})

const noResponse = (state: Message['state']) =>
  state === 'queued' || state === 'sending'
    ? `the message is ${state} and has no response yet: read the message with the header 'Prefer: wait=60'`
    : `the message is ${state} and has no response: its \`failure\` says why`

/** Statuses that a response with a body cannot have. */
const BODILESS = new Set([204, 205, 304])

export function messageRoutes(services: Services) {
  const app = createRouter()

  async function readMessage(c: Context<AppEnv>, id: string, message: string): Promise<Message> {
    const found = await findMessage(services.db, id, message)
    const caller = c.get('caller')
    // An agent may read messages to it and from it.
    const isVisible =
      caller.kind !== 'workspace' || caller.workspaceId === id || found?.caller === callerKey(caller)
    if (found === undefined || !isVisible) throw new DomainError('not_found', 'message not found')
    return found
  }

  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param')
    const rows = await listMessages(services.db, id, c.req.valid('query'))
    const views = rows.map((row) => {
      const { response: _, ...view } = toMessageView(
        { ...row, response: null },
        publicUrlOf(services.config, c),
      )
      return view
    })
    return c.json(views, 200)
  })

  app.openapi(readRoute, async (c) => {
    const { id, message } = c.req.valid('param')
    let row = await readMessage(c, id, message)
    const seconds = preferredWait(c)
    if (seconds !== undefined) row = await waitUntilFinished(services, row, seconds, c.req.raw.signal)
    return c.json(toMessageView(row, publicUrlOf(services.config, c)), 200)
  })

  app.openapi(responseRoute, async (c) => {
    const { id, message } = c.req.valid('param')
    const { response, responseStatus, responseType, state } = await readMessage(c, id, message)
    if (response === null) throw new DomainError('not_found', noResponse(state))
    const status = responseStatus ?? 200
    const headers = {
      'content-type': safeContentType(responseType),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      // A browser that opens an agent's page must not give it this origin.
      'content-security-policy': 'sandbox',
    }
    const body = BODILESS.has(status) ? null : decodeBase64(response)
    return new Response(body as BodyInit | null, { status, headers }) as never
  })

  app.openapi(answerRoute, async (c) => {
    const { id, message } = c.req.valid('param')
    const answered = await answerMessage(services, id, message, c.req.valid('json'))
    const { response: _, ...view } = toMessageView(answered, publicUrlOf(services.config, c))
    return c.json(view, 200)
  })

  return app
}
