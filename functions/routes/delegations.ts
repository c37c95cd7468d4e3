// /workspaces/:id/delegate and /delegations: tasks that one agent sends to another without waiting
// (docs/facts/molecule.md §3.6). The sending workspace's own agent and administrators use them.
import { createRoute, z } from '@hono/zod-openapi'
import { delegate, DelegateInput } from '../../lib/delegations/delegate.ts'
import { listDelegations, type ListedDelegation } from '../../lib/delegations/list-delegations.ts'
import {
  recordDelegation,
  RecordDelegationInput,
  updateDelegation,
  UpdateDelegationInput,
} from '../../lib/delegations/record-delegation.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { boundedText } from '../../lib/platform/postgres-text.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, problem } from '../http/openapi.ts'

const Delegated = described(() =>
  z.object({ delegation_id: z.string(), status: z.string(), target_id: z.uuid() }),
)

const delegateRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/delegate',
  operationId: 'delegate',
  request: { params: IdParam, body: jsonBody(DelegateInput) },
  responses: described(() => ({
    202: json(
      Delegated.extend({ status: z.literal('delegated') }),
      'Stored. The task is delivered once, also to a workspace that is asleep. `GET …/delegations` returns its outcome.',
    ),
    200: json(
      Delegated.extend({ idempotent_hit: z.literal(true) }),
      'This `idempotency_key` was used before: nothing was sent, and this is the earlier delegation. A key is free again when its delegation has definitely failed.',
    ),
    400: problem('A field is invalid, or the target is the workspace itself.'),
    404: problem('No such workspace, or the target is not a peer.'),
    409: problem('The target is paused.'),
    413: problem('The task is larger than a message may be.'),
    422: problem('This `idempotency_key` was used for another `target_id`.'),
    429: problem('Too many messages wait for the target.'),
    503: problem('The target has failed.'),
  })),
})

// Agents read these members without a check, so each of them is always a text (docs/facts/molecule.md §1.5).
const DelegationView = described(() =>
  z
    .object({
      id: z.string(),
      type: z.literal('delegation'),
      source_id: z.uuid(),
      target_id: z.uuid(),
      summary: z.string(),
      status: z.string(),
      created_at: z.iso.datetime(),
      delegation_id: z.string(),
      error: z.string(),
      response_preview: z.string(),
    })
    .openapi('Delegation'),
)

const listRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/delegations',
  operationId: 'listDelegations',
  request: {
    params: IdParam,
    query: z.object({ limit: z.coerce.number().int().min(1).max(500).default(100) }),
  },
  responses: described(() => ({
    200: json(
      z.array(DelegationView),
      'Delegations from this workspace, newest first. The status is `delegated` or `recorded`, then `completed` or `failed`.',
    ),
    400: problem('A query parameter is invalid.'),
    404: problem('No such workspace.'),
  })),
})

const recordRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/delegations/record',
  operationId: 'recordDelegation',
  request: { params: IdParam, body: jsonBody(RecordDelegationInput) },
  responses: described(() => ({
    202: json(
      z.object({ delegation_id: z.string(), status: z.literal('recorded') }),
      'Recorded: the agent sends this task itself. A repeated `delegation_id` changes nothing.',
    ),
    400: problem('A field is invalid.'),
    404: problem('No such workspace, or it is removed.'),
    409: problem('The control plane delivers a delegation with this id.'),
  })),
})

const updateRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/delegations/{delegation_id}/update',
  operationId: 'updateDelegation',
  request: {
    params: IdParam.extend({
      delegation_id: boundedText().openapi({ param: { name: 'delegation_id', in: 'path' } }),
    }),
    body: jsonBody(UpdateDelegationInput),
  },
  responses: described(() => ({
    200: json(z.object({ status: z.literal('updated') }), 'Recorded: the outcome of a recorded delegation.'),
    400: problem('A field is invalid.'),
    404: problem('No such delegation, or the workspace is removed.'),
    409: problem('The control plane delivers this delegation, and records its outcome itself.'),
  })),
})

export function delegationRoutes(services: Services) {
  const app = createRouter()

  app.openapi(delegateRoute, async (c) => {
    const { id } = c.req.valid('param')
    const { isRepeat, ...row } = await delegate(services, id, c.req.valid('json'), (work) =>
      c.executionCtx.waitUntil(work),
    )
    const view = { delegation_id: row.id, status: row.status, target_id: row.targetId }
    return isRepeat
      ? c.json({ ...view, idempotent_hit: true as const }, 200)
      : c.json({ ...view, status: 'delegated' as const }, 202)
  })

  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param')
    const rows = await listDelegations(services.db, id, c.req.valid('query').limit)
    return c.json(rows.map(toView), 200)
  })

  app.openapi(recordRoute, async (c) => {
    const { id } = c.req.valid('param')
    const recorded = await recordDelegation(services, id, c.req.valid('json'), (work) =>
      c.executionCtx.waitUntil(work),
    )
    return c.json({ delegation_id: recorded, status: 'recorded' as const }, 202)
  })

  app.openapi(updateRoute, async (c) => {
    const { id, delegation_id: delegationId } = c.req.valid('param')
    await updateDelegation(services, id, delegationId, c.req.valid('json'))
    return c.json({ status: 'updated' as const }, 200)
  })

  return app
}

const toView = (row: ListedDelegation): z.infer<typeof DelegationView> => ({
  id: row.id,
  type: 'delegation',
  source_id: row.sourceId,
  target_id: row.targetId,
  summary: row.summary,
  status: row.status,
  created_at: row.createdAt.toISOString(),
  delegation_id: row.id,
  error: row.error ?? '',
  response_preview: row.responsePreview ?? '',
})
