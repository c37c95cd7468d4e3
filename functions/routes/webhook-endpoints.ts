// /webhook-endpoints: whom to tell what happens, and whether it arrives. Everything about them is for administrators: what they
// are told is about all workspaces.
import { createRoute, z } from '@hono/zod-openapi'
import { callerKey } from '../../lib/auth/caller.ts'
import {
  CreateEndpointInput,
  RotateSecretInput,
  UpdateEndpointInput,
} from '../../lib/webhooks/endpoint-input.ts'
import {
  createEndpoint,
  getEndpoint,
  type ListedEndpoint,
  listEndpoints,
  MOST_ENDPOINTS,
  removeEndpoint,
  rotateSigningSecret,
  updateEndpoint,
} from '../../lib/webhooks/endpoints.ts'
import { TIMEOUT_MS } from '../../lib/webhooks/send.ts'
import { sendTestEvent } from '../../lib/webhooks/send-test.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { withCaller, createRouter, json, jsonBody, nullableTimestamp, problem } from '../http/openapi.ts'

const AttemptView = z.object({ at: z.iso.datetime(), status: z.int().nullable(), message: z.string() })

const EndpointView = z
  .object({
    id: z.uuid(),
    url: z.string(),
    types: z.array(z.string()),
    workspace_id: z.uuid().nullable(),
    description: z.string(),
    ordered: z.boolean(),
    enabled: z.boolean(),
    disabled_at: nullableTimestamp,
    disabled_reason: z
      .enum(['asked', 'gone', 'failing'])
      .nullable()
      .describe('`gone`: it answered 410. `failing`: it took nothing for five days.'),
    after: z.int().describe('The last number of the log that was taken up for it.'),
    behind: z
      .int()
      .describe('How many numbers of the log were given out since, whether they are for it or not.'),
    pending: z.int().describe('Deliveries that failed, or wait for one that did.'),
    dead: z.int().describe('Deliveries that were given up, and can be replayed.'),
    missed: z
      .object({ from: z.int(), to: z.int(), at: z.iso.datetime() })
      .nullable()
      .describe('Numbers that the log had forgotten before they could be taken up.'),
    failures: z.int().describe('Failed attempts in a row.'),
    failing_since: nullableTimestamp,
    rests_until: nullableTimestamp.describe(
      'Nothing is sent until then: it fails, or has asked for it by `Retry-After`.',
    ),
    last_success_at: nullableTimestamp,
    last_failure: AttemptView.nullable(),
    created_by: z.string(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .openapi('WebhookEndpoint')

export const EndpointParam = z.object({
  endpoint: z
    .uuid('must be a UUID')
    .toLowerCase()
    .openapi({ param: { name: 'endpoint', in: 'path' } }),
})

const path = '/webhook-endpoints'
const onePath = `${path}/{endpoint}`
const notFound = problem('No such endpoint.')
const noKey = problem('SECRETS_ENCRYPTION_KEY is not set, or does not fit what is stored.')

const createRouteOfIt = createRoute({
  method: 'post',
  path,
  operationId: 'createWebhookEndpoint',
  description:
    'Tells an address what happens, by Standard Webhooks. Only https and the public Internet, unless WEBHOOK_PRIVATE_TARGETS says otherwise. Unknown members are refused.',
  request: { body: jsonBody(CreateEndpointInput) },
  responses: {
    201: json(EndpointView.extend({ secret: z.string() }), 'Made. `secret` is shown this once.'),
    400: problem('A field is not valid.'),
    409: problem(`There are ${MOST_ENDPOINTS} already.`),
    503: noKey,
  },
})

const listRoute = createRoute({
  method: 'get',
  path,
  operationId: 'listWebhookEndpoints',
  responses: { 200: json(z.array(EndpointView), 'All, the oldest first.') },
})

const getRoute = createRoute({
  method: 'get',
  path: onePath,
  operationId: 'getWebhookEndpoint',
  request: { params: EndpointParam },
  responses: { 200: json(EndpointView, 'The endpoint, and how it does.'), 404: notFound },
})

const updateRoute = createRoute({
  method: 'patch',
  path: onePath,
  operationId: 'updateWebhookEndpoint',
  description:
    'What is left out stays. Once enabled again it is told what it was not, from `after` on; with `after` it is told from there.',
  request: { params: EndpointParam, body: jsonBody(UpdateEndpointInput) },
  responses: {
    200: json(EndpointView, 'Changed.'),
    400: problem('A field is not valid.'),
    404: notFound,
    409: problem('Somebody else enabled or disabled it meanwhile.'),
  },
})

const deleteRoute = createRoute({
  method: 'delete',
  path: onePath,
  operationId: 'deleteWebhookEndpoint',
  request: { params: EndpointParam },
  responses: {
    200: json(
      z.object({ status: z.literal('deleted'), id: z.uuid() }),
      'Gone, with everything that was kept for it.',
    ),
    404: notFound,
  },
})

const testRoute = createRoute({
  method: 'post',
  path: `${onePath}/test`,
  operationId: 'testWebhookEndpoint',
  description: `Delivers one event of the type webhook_endpoint_test at once, and says what became of it, within ${TIMEOUT_MS / 1000} s.`,
  request: { params: EndpointParam },
  responses: {
    200: json(
      z.object({
        delivered: z.boolean(),
        webhook_id: z.string(),
        status: z.int().nullable(),
        message: z.string().nullable(),
        ms: z.int(),
      }),
      'What became of it. `message` says why it was not taken.',
    ),
    404: notFound,
    503: noKey,
  },
})

const rotateRoute = createRoute({
  method: 'post',
  path: `${onePath}/rotate-secret`,
  operationId: 'rotateWebhookSecret',
  request: {
    params: EndpointParam,
    body: jsonBody(RotateSecretInput, false),
  },
  responses: {
    200: json(
      z.object({ secret: z.string(), previous_valid_until: z.iso.datetime() }),
      'The new secret, shown this once. Until then deliveries are signed with both.',
    ),
    400: problem('A field is not valid.'),
    404: notFound,
    503: noKey,
  },
})

export function webhookEndpointRoutes(services: Services) {
  const app = createRouter()

  app.openapi(createRouteOfIt, async (c) => {
    const input = c.req.valid('json')
    const { listed, secret } = await createEndpoint(services, input, callerKey(c.get('caller')))
    c.header('cache-control', 'no-store')
    return c.json({ ...toView(listed), secret }, 201)
  })
  app.openapi(listRoute, async (c) => c.json((await listEndpoints(services)).map(toView), 200))
  app.openapi(getRoute, async (c) =>
    c.json(toView(await getEndpoint(services, c.req.valid('param').endpoint)), 200),
  )
  app.openapi(updateRoute, async (c) => {
    const { endpoint } = c.req.valid('param')
    const changed = await updateEndpoint(withCaller(services, c), endpoint, c.req.valid('json'))
    return c.json(toView(changed), 200)
  })
  app.openapi(deleteRoute, async (c) => {
    const { endpoint } = c.req.valid('param')
    await removeEndpoint(services, endpoint)
    return c.json({ status: 'deleted' as const, id: endpoint }, 200)
  })
  app.openapi(testRoute, async (c) => {
    const { ms, outcome, webhookId } = await sendTestEvent(services, c.req.valid('param').endpoint)
    const { kind, status } = outcome
    const message = kind === 'failed' ? outcome.message : null
    return c.json({ delivered: kind === 'delivered', webhook_id: webhookId, status, message, ms }, 200)
  })
  app.openapi(rotateRoute, async (c) => {
    const { overlap_hours: overlap } = RotateSecretInput.parse(c.req.valid('json') ?? {})
    const { previousUntil, secret } = await rotateSigningSecret(
      services,
      c.req.valid('param').endpoint,
      overlap,
    )
    c.header('cache-control', 'no-store')
    return c.json({ secret, previous_valid_until: previousUntil.toISOString() }, 200)
  })

  return app
}

const toView = ({ dead, endpoint: row, last, pending }: ListedEndpoint): z.infer<typeof EndpointView> => ({
  id: row.id,
  url: row.url,
  types: row.types,
  workspace_id: row.workspaceId,
  description: row.description,
  ordered: row.ordered,
  enabled: row.disabledAt === null,
  disabled_at: row.disabledAt?.toISOString() ?? null,
  disabled_reason: row.disabledReason,
  after: row.afterSeq,
  behind: Math.max(0, last - row.afterSeq),
  pending,
  dead,
  missed: row.missed,
  failures: row.failures,
  failing_since: row.failingSince?.toISOString() ?? null,
  rests_until: row.restsUntil?.toISOString() ?? null,
  last_success_at: row.lastSuccessAt?.toISOString() ?? null,
  last_failure: row.lastFailure,
  created_by: row.createdBy,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString(),
})
