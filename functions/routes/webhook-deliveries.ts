// /webhook-endpoints/:endpoint/deliveries: deliveries that failed or are pending, and their replay.
import { createRoute, z } from '@hono/zod-openapi'
import type { Services } from '../../lib/control-plane/services.ts'
import { webhookId } from '../../lib/webhooks/deliver.ts'
import {
  DELIVERY_STATES,
  type KeptDelivery,
  listDeliveries,
  replayDeliveries,
} from '../../lib/webhooks/deliveries.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, json, problem } from '../http/openapi.ts'
import { EndpointParam } from './webhook-endpoints.ts'

const DeliveryView = described(() =>
  z
    .object({
      webhook_id: z.string(),
      seq: z.int().describe('The number of the event in the log.'),
      type: z.string().nullable().describe('Null when the log no longer keeps the event.'),
      workspace_id: z.uuid().nullable(),
      at: z.iso.datetime().nullable(),
      state: z.enum(DELIVERY_STATES),
      attempts: z.int().describe('0: the delivery waits for an earlier one of its workspace.'),
      first_attempt_at: z.iso.datetime().nullable(),
      next_attempt_at: z.iso
        .datetime()
        .nullable()
        .describe('Null: as soon as earlier deliveries are done, or never again.'),
      dead_at: z.iso.datetime().nullable(),
      last_failure: z
        .object({ at: z.iso.datetime(), status: z.int().nullable(), message: z.string() })
        .nullable(),
    })
    .openapi('WebhookDelivery'),
)

const path = '/webhook-endpoints/{endpoint}/deliveries'

const listRoute = createRoute({
  method: 'get',
  path,
  operationId: 'listWebhookDeliveries',
  description: described(() => 'Successful deliveries are not kept.'),
  request: {
    params: EndpointParam,
    query: z.object({
      state: z.enum(DELIVERY_STATES).optional(),
      after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
      limit: z.coerce.number().int().min(1).max(200).default(50),
    }),
  },
  responses: described(() => ({
    200: json(
      z.array(DeliveryView),
      'In the order of their events. For the next page, set `after` to the last `seq`.',
    ),
    404: problem('No such endpoint.'),
  })),
})

const Replayed = described(() => z.object({ replayed: z.int() }))

const replayOneRoute = createRoute({
  method: 'post',
  path: `${path}/{seq}/replay`,
  operationId: 'replayWebhookDelivery',
  request: {
    params: EndpointParam.extend({ seq: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
  },
  responses: described(() => ({
    200: json(Replayed, 'The delivery is scheduled again, with the same id.'),
    404: problem('No such endpoint or delivery.'),
    409: problem('The endpoint is disabled, or the delivery is pending.'),
    410: problem('The log no longer keeps the event.'),
  })),
})

const replayAllRoute = createRoute({
  method: 'post',
  path: `${path}/replay`,
  operationId: 'replayWebhookDeliveries',
  request: { params: EndpointParam },
  responses: described(() => ({
    200: json(Replayed, 'All dead deliveries whose events the log still keeps are scheduled again.'),
    404: problem('No such endpoint.'),
    409: problem('The endpoint is disabled.'),
  })),
})

export function webhookDeliveryRoutes(services: Services) {
  const app = createRouter()

  app.openapi(listRoute, async (c) => {
    const { endpoint } = c.req.valid('param')
    return c.json((await listDeliveries(services, endpoint, c.req.valid('query'))).map(toView), 200)
  })
  app.openapi(replayOneRoute, async (c) => {
    const { endpoint, seq } = c.req.valid('param')
    return c.json({ replayed: await replayDeliveries(services, endpoint, seq) }, 200)
  })
  app.openapi(replayAllRoute, async (c) => {
    return c.json({ replayed: await replayDeliveries(services, c.req.valid('param').endpoint) }, 200)
  })

  return app
}

const toView = ({ event, kept }: KeptDelivery): z.infer<typeof DeliveryView> => ({
  webhook_id: webhookId(kept.endpointId, kept.seq),
  seq: kept.seq,
  type: event?.type ?? null,
  workspace_id: event?.workspaceId ?? null,
  at: event?.at.toISOString() ?? null,
  state: kept.state,
  attempts: kept.attempts,
  first_attempt_at: kept.firstAttemptAt?.toISOString() ?? null,
  next_attempt_at: kept.nextAttemptAt?.toISOString() ?? null,
  dead_at: kept.deadAt?.toISOString() ?? null,
  last_failure: kept.lastFailure,
})
