// /workspaces: create, read, change, remove. A handler parses the request, calls one function of lib, and
// reconciles after the response.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { invalidField } from '../../../lib/platform/errors.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { createWorkspace, IDEMPOTENCY_HOURS } from '../../../lib/workspaces/create.ts'
import { getShownWorkspace } from '../../../lib/lifecycle/queries.ts'
import { removeWorkspace } from '../../../lib/workspaces/remove.ts'
import { updateWorkspace } from '../../../lib/workspaces/update.ts'
import { waitUntilSettled } from '../../../lib/lifecycle/wait.ts'
import type { ShownWorkspace, Workspace } from '../../../lib/lifecycle/workspace.ts'
import { CreateWorkspaceInput, UpdateWorkspaceInput } from '../../../lib/workspaces/workspace-input.ts'
import { ignoredMembers, warningsOf } from '../../http/ignored-members.ts'
import { described } from '../../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, problem } from '../../http/openapi.ts'
import { preferredWait } from '../../http/prefer.ts'
import { publicUrlOf } from '../../http/public-url.ts'
import { reconcileAfterResponse, waitIfPreferred } from '../../http/reconcile-after-response.ts'
import { withCaller } from '../../http/with-caller.ts'
import { toWorkspaceView, WorkspaceView } from './view.ts'

const Warnings = described(() =>
  z.array(z.string()).optional().describe('Members of the body that were ignored; absent if there are none.'),
)

const createRouteDefinition = createRoute({
  method: 'post',
  path: '/workspaces',
  operationId: 'createWorkspace',
  description: described(
    () =>
      `With an \`Idempotency-Key\` header, a request that the same caller repeats with the same body returns the first answer for ${IDEMPOTENCY_HOURS} hours, and creates nothing.`,
  ),
  request: { body: jsonBody(CreateWorkspaceInput) },
  responses: described(() => ({
    201: json(
      WorkspaceView.extend({ warnings: Warnings }),
      'Stored; provisioning begins. `Prefer: wait=30` waits until the workspace is ready or failed.',
    ),
    400: problem('A field is invalid; nothing was stored.'),
    422: problem('The Idempotency-Key was used with another body.'),
    429: problem('Too many workspaces were created in the last hour.'),
    501: problem('`from`: this provider cannot copy disks.'),
  })),
})

const readRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}',
  operationId: 'getWorkspace',
  request: { params: IdParam },
  responses: described(() => ({
    200: json(
      WorkspaceView,
      'The workspace, also after its removal. `Prefer: wait=30` waits until it has settled.',
    ),
    404: problem('No such workspace.'),
  })),
})

const changeRoute = createRoute({
  method: 'patch',
  path: '/workspaces/{id}',
  operationId: 'updateWorkspace',
  request: {
    params: IdParam,
    body: jsonBody(UpdateWorkspaceInput),
  },
  responses: described(() => ({
    200: json(
      z.object({
        status: z.literal('updated'),
        needs_restart: z.boolean(),
        workspace: WorkspaceView,
        warnings: Warnings,
      }),
      'Changed. `needs_restart`: part of the change takes effect at the next restart.',
    ),
    400: problem('A field is invalid; nothing was changed.'),
    404: problem('No such workspace.'),
    409: problem('The workspace is removed, or its disk is not ready and cannot grow.'),
    503: problem('The provider did not grow the disk.'),
  })),
})

const removeRoute = createRoute({
  method: 'delete',
  path: '/workspaces/{id}',
  operationId: 'removeWorkspace',
  request: {
    params: IdParam,
    query: z.object({
      confirm: z.enum(['true', 'false']).optional(),
      keep_disk: z.enum(['true', 'false']).optional(),
    }),
  },
  responses: described(() => ({
    200: json(
      z.object({
        status: z.literal('removed'),
        cascade_deleted: z.int(),
        kept_disks: z.array(z.string()).optional(),
      }),
      'Removed. The machine is destroyed, until the provider confirms it; then its disk is deleted, unless `?keep_disk=true` or DISK_RETENTION_DAYS keeps it. `cascade_deleted` counts removed descendants.',
    ),
    404: problem('No such workspace.'),
    409: problem('The workspace has children, and `?confirm=true` is missing.'),
  })),
})

const CHANGEABLE = Object.keys(UpdateWorkspaceInput.shape).join(', ')

export function workspaceRoutes(services: Services) {
  const app = createRouter()
  const view = (c: Context, row: ShownWorkspace) =>
    toWorkspaceView(services, row, publicUrlOf(services.config, c))

  app.openapi(createRouteDefinition, async (c) => {
    const key = idempotencyKeyOf(c)
    const warnings = warningsOf(await ignoredMembers(c, CreateWorkspaceInput))
    const idempotency = key === undefined ? undefined : { key, answerOf: (row: Workspace) => view(c, row) }
    const { claimed, replayed, row } = await createWorkspace(
      withCaller(services, c),
      c.req.valid('json'),
      c.get('caller'),
      idempotency,
    )
    c.header('location', `/workspaces/${row.id}`)
    if (replayed !== undefined) {
      c.header('idempotency-replayed', 'true')
      return c.json({ ...(replayed as z.infer<typeof WorkspaceView>), ...warnings }, 201)
    }
    const settled =
      claimed === undefined
        ? await waitIfPreferred(services, c, row.id)
        : await reconcileAfterResponse(services, c, [claimed])
    return c.json({ ...view(c, settled ?? row), ...warnings }, 201)
  })

  app.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    const seconds = preferredWait(c)
    const row =
      seconds === undefined
        ? await getShownWorkspace(services.db, id)
        : await waitUntilSettled(services, id, seconds, c.req.raw.signal)
    return c.json(view(c, row), 200)
  })

  app.openapi(changeRoute, async (c) => {
    const input = c.req.valid('json')
    const ignored = await ignoredMembers(c, UpdateWorkspaceInput)
    const [first] = ignored
    // `updated` would claim a change that nothing made.
    if (first !== undefined && Object.keys(input).length === 0)
      throw invalidField(first, `cannot be changed; members are ${CHANGEABLE}`)
    const row = await updateWorkspace(withCaller(services, c), c.req.valid('param').id, input)
    const workspace = view(c, row)
    const answer = { status: 'updated' as const, needs_restart: workspace.needs_restart, workspace }
    return c.json({ ...answer, ...warningsOf(ignored) }, 200)
  })

  app.openapi(removeRoute, async (c) => {
    const { id } = c.req.valid('param')
    const query = c.req.valid('query')
    const { ids: removed, keptDisks } = await removeWorkspace(withCaller(services, c), id, {
      confirm: query.confirm === 'true',
      keepDisk: query.keep_disk === 'true',
    })
    await reconcileAfterResponse(services, c, removed)
    return c.json(
      {
        status: 'removed' as const,
        cascade_deleted: removed.filter((other) => other !== id).length,
        ...(keptDisks.length === 0 ? {} : { kept_disks: keptDisks }),
      },
      200,
    )
  })

  return app
}

/** @throws DomainError `invalid_input` for a key that is too long or has unprintable characters */
function idempotencyKeyOf(c: Context): string | undefined {
  const key = c.req.header('idempotency-key')
  if (key !== undefined && !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw invalidField('Idempotency-Key', 'must be 1 to 255 printable ASCII characters without spaces')
  }
  return key
}
