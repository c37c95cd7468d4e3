// /workspaces/:id/holds: keeps a workspace awake until a time.
import { createRoute, z } from '@hono/zod-openapi'
import { callerKey } from '../../../lib/auth/caller.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { uuidInput } from '../../../lib/platform/uuid.ts'
import {
  createHold,
  CreateHoldInput,
  deleteHold,
  type Hold,
  listHolds,
  MAX_HOLDS,
} from '../../../lib/workspaces/holds.ts'
import { described } from '../../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, problem } from '../../http/openapi.ts'
import { withCaller } from '../../http/with-caller.ts'

const HoldView = described(() =>
  z
    .object({
      id: z.uuid(),
      workspace_id: z.uuid(),
      until: z.iso.datetime(),
      reason: z.string(),
      created_by: z.string(),
      created_at: z.iso.datetime(),
    })
    .openapi('Hold'),
)

const path = '/workspaces/{id}/holds'

const createHoldRoute = createRoute({
  method: 'post',
  path,
  operationId: 'createHold',
  description: described(
    () =>
      'Keeps a workspace awake until a time: its idle policy does not hibernate it, and its machine is started again if others stop it. A hold wakes nothing. `until` or `for_seconds`, at most HOLD_MAX_HOURS from now.',
  ),
  request: { params: IdParam, body: jsonBody(CreateHoldInput) },
  responses: described(() => ({
    201: json(HoldView, 'Held. The hold ends by itself.'),
    400: problem('A field is invalid.'),
    404: problem('No such workspace.'),
    409: problem(`The workspace already has ${MAX_HOLDS} holds.`),
  })),
})

const listHoldsRoute = createRoute({
  method: 'get',
  path,
  operationId: 'listHolds',
  request: { params: IdParam },
  responses: described(() => ({
    200: json(z.array(HoldView), 'Holds whose time is not over, the first to end first.'),
    404: problem('No such workspace.'),
  })),
})

const deleteHoldRoute = createRoute({
  method: 'delete',
  path: `${path}/{hold}`,
  operationId: 'deleteHold',
  request: { params: IdParam.extend({ hold: uuidInput().openapi({ param: { name: 'hold', in: 'path' } }) }) },
  responses: described(() => ({
    200: json(z.object({ status: z.literal('deleted'), id: z.uuid() }), 'Deleted.'),
    404: problem('No such workspace or hold, or the time of the hold is over.'),
  })),
})

export function holdRoutes(services: Services) {
  const app = createRouter()
  app.openapi(createHoldRoute, async (c) => {
    const by = callerKey(c.get('caller'))
    const hold = await createHold(services, c.req.valid('param').id, c.req.valid('json'), by)
    return c.json(toView(hold), 201)
  })
  app.openapi(listHoldsRoute, async (c) => {
    const found = await listHolds(services, c.req.valid('param').id)
    return c.json(found.map(toView), 200)
  })
  app.openapi(deleteHoldRoute, async (c) => {
    const { hold, id } = c.req.valid('param')
    await deleteHold(withCaller(services, c), id, hold)
    return c.json({ status: 'deleted' as const, id: hold }, 200)
  })
  return app
}

const toView = (hold: Hold): z.infer<typeof HoldView> => ({
  id: hold.id,
  workspace_id: hold.workspaceId,
  until: hold.until.toISOString(),
  reason: hold.reason,
  created_by: hold.createdBy,
  created_at: hold.createdAt.toISOString(),
})
