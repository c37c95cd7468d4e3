// /webhook-endpoints: endpoints that receive events, and how their deliveries do. Only administrators manage them,
// because an endpoint receives events of all workspaces.
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
import { described } from '../../lib/platform/described.ts'
import { createRouter, json, jsonBody, nullableTimestamp, problem } from '../http/openapi.ts'
import { withCaller } from '../http/with-caller.ts'
import { uuidInput } from '../../lib/platform/uuid.ts'

const AttemptView = described(() =>
  z.object({ at: z.iso.datetime(), status: z.int().nullable(), message: z.string() }),
)

const EndpointView = described(() =>
  z
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
        .describe('`gone`: the endpoint answered 410. `failing`: all deliveries failed for five days.'),
      after: z.int().describe('The number of the last event that was read for the endpoint.'),
      behind: z
        .int()
        .describe('How many event numbers were assigned since, including those of events for others.'),
      pending: z.int().describe('Deliveries that failed, or wait for a failed one.'),
      dead: z.int().describe('Deliveries without further attempts, which can be replayed.'),
      missed: z
        .object({ from: z.int(), to: z.int(), at: z.iso.datetime() })
        .nullable()
        .describe('Events that the log no longer kept when they were to be read.'),
      failures: z.int().describe('Consecutive failed attempts.'),
      failing_since: nullableTimestamp,
      rests_until: nullableTimestamp.describe(
        'Nothing is sent until then, after failures or because of `Retry-After`.',
      ),
      last_success_at: nullableTimestamp,
      last_failure: AttemptView.nullable(),
      created_by: z.string(),
      created_at: z.iso.datetime(),
      updated_at: z.iso.datetime(),
    })
    .openapi('WebhookEndpoint'),
)

export const EndpointParam = z.object({
  endpoint: uuidInput().openapi({ param: { name: 'endpoint', in: 'path' } }),
})

const path = '/webhook-endpoints'
const onePath = `${path}/{endpoint}`
const notFound = described(() => problem('No such endpoint.'))
const noKey = described(() =>
  problem('SECRETS_ENCRYPTION_KEY is not set, or does not open the stored secrets.'),
)

const createEndpointRoute = createRoute({
  method: 'post',
  path,
  operationId: 'createWebhookEndpoint',
  description: described(
    () =>
      'Events are posted to `url` as Standard Webhooks. The URL must be https and public, unless WEBHOOK_PRIVATE_TARGETS allows others. Unknown members are refused.',
  ),
  request: { body: jsonBody(CreateEndpointInput) },
  responses: described(() => ({
    201: json(
      EndpointView.extend({ secret: z.string() }),
      'Created. `secret` is shown only in this response.',
    ),
    400: problem('A field is invalid.'),
    409: problem(`There are already ${MOST_ENDPOINTS} endpoints.`),
    503: noKey,
  })),
})

const listRoute = createRoute({
  method: 'get',
  path,
  operationId: 'listWebhookEndpoints',
  responses: described(() => ({ 200: json(z.array(EndpointView), 'All endpoints, oldest first.') })),
})

const getRoute = createRoute({
  method: 'get',
  path: onePath,
  operationId: 'getWebhookEndpoint',
  request: { params: EndpointParam },
  responses: described(() => ({
    200: json(EndpointView, 'The endpoint and the state of its deliveries.'),
    404: notFound,
  })),
})

const updateRoute = createRoute({
  method: 'patch',
  path: onePath,
  operationId: 'updateWebhookEndpoint',
  description: described(
    () =>
      'Omitted members keep their values. An endpoint that is enabled again receives the events that it missed, or those after `after` if it is given.',
  ),
  request: { params: EndpointParam, body: jsonBody(UpdateEndpointInput) },
  responses: described(() => ({
    200: json(EndpointView, 'Changed.'),
    400: problem('A field is invalid.'),
    404: notFound,
    409: problem('Another request enabled or disabled the endpoint at the same time.'),
  })),
})

const deleteRoute = createRoute({
  method: 'delete',
  path: onePath,
  operationId: 'deleteWebhookEndpoint',
  request: { params: EndpointParam },
  responses: described(() => ({
    200: json(z.object({ status: z.literal('deleted'), id: z.uuid() }), 'Deleted, with its deliveries.'),
    404: notFound,
  })),
})

const testRoute = createRoute({
  method: 'post',
  path: `${onePath}/test`,
  operationId: 'testWebhookEndpoint',
  description: described(
    () =>
      `Delivers one event of the type webhook_endpoint_test at once, and returns the outcome within ${TIMEOUT_MS / 1000} s.`,
  ),
  request: { params: EndpointParam },
  responses: described(() => ({
    200: json(
      z.object({
        delivered: z.boolean(),
        webhook_id: z.string(),
        status: z.int().nullable(),
        message: z.string().nullable(),
        ms: z.int(),
      }),
      'The outcome. `message` is the reason of a failure.',
    ),
    404: notFound,
    503: noKey,
  })),
})

const rotateRoute = createRoute({
  method: 'post',
  path: `${onePath}/rotate-secret`,
  operationId: 'rotateWebhookSecret',
  request: {
    params: EndpointParam,
    body: jsonBody(RotateSecretInput, false),
  },
  responses: described(() => ({
    200: json(
      z.object({ secret: z.string(), previous_valid_until: z.iso.datetime() }),
      'The new secret, shown only in this response. Deliveries are signed with both secrets until `previous_valid_until`.',
    ),
    400: problem('A field is invalid.'),
    404: notFound,
    503: noKey,
  })),
})

export function webhookEndpointRoutes(services: Services) {
  const app = createRouter()

  app.openapi(createEndpointRoute, async (c) => {
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
