// /workspaces: create, list, read, restart, remove. Each door parses, calls one verb, and sets the reconcile road going
// after the answer.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Services } from '../lib/services.ts'
import { reconcileNow } from '../lib/sweep.ts'
import { createWorkspace, CreateWorkspaceInput } from '../lib/workspaces/create.ts'
import { getWorkspace, listWorkspaces } from '../lib/workspaces/queries.ts'
import type { Workspace } from '../lib/workspaces/workspace.ts'
import { removeWorkspace } from '../lib/workspaces/remove.ts'
import { restartWorkspace } from '../lib/workspaces/restart.ts'
import { waitUntilSettled } from '../lib/workspaces/wait.ts'
import type { AppEnv } from './app-env.ts'
import { adminOnly, assertMayUse } from './authenticate.ts'
import { cursorOf, parseCursor } from './cursor.ts'
import { preferredWait } from './prefer.ts'
import { Problem, toInvalidInput } from './problem.ts'
import { publicUrlOf } from './public-url.ts'
import { toWorkspaceView, WorkspaceView } from './workspace-view.ts'

const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  content: { 'application/json': { schema } },
  description,
})
const problem = (description: string) => ({
  content: { 'application/problem+json': { schema: Problem } },
  description,
})

const IdParam = z.object({ id: z.uuid('must be a UUID').openapi({ param: { name: 'id', in: 'path' } }) })

const listRoute = createRoute({
  method: 'get',
  path: '/workspaces',
  operationId: 'listWorkspaces',
  middleware: [adminOnly],
  request: {
    query: z.object({
      limit: z.coerce.number().int().min(1).max(1000).default(1000),
      cursor: z.string().optional(),
    }),
  },
  responses: {
    200: json(
      z.array(WorkspaceView),
      'Living workspaces, oldest first. More pages: follow the Link header with rel="next".',
    ),
    400: problem('A query parameter is not valid.'),
  },
})

const createRouteDefinition = createRoute({
  method: 'post',
  path: '/workspaces',
  operationId: 'createWorkspace',
  middleware: [adminOnly],
  request: { body: { required: true, content: { 'application/json': { schema: CreateWorkspaceInput } } } },
  responses: {
    201: json(
      WorkspaceView,
      'Stored, and being provisioned. `Prefer: wait=30` answers when it is ready or failed.',
    ),
    400: problem('A field is not valid; nothing was stored.'),
  },
})

const readRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}',
  operationId: 'getWorkspace',
  request: { params: IdParam },
  responses: {
    200: json(
      WorkspaceView,
      'The workspace, also when it is removed. `Prefer: wait=30` waits for it to come to rest.',
    ),
    404: problem('No such workspace.'),
  },
})

const restartRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/restart',
  operationId: 'restartWorkspace',
  middleware: [adminOnly],
  request: { params: IdParam },
  responses: {
    200: json(WorkspaceView, 'A new generation is wanted: its machine gets the newest spec and boots.'),
    404: problem('No such workspace.'),
    409: problem('The workspace is removed.'),
  },
})

const removeRoute = createRoute({
  method: 'delete',
  path: '/workspaces/{id}',
  operationId: 'removeWorkspace',
  middleware: [adminOnly],
  request: {
    params: IdParam,
    query: z.object({ confirm: z.enum(['true', 'false']).optional() }),
  },
  responses: {
    200: json(
      z.object({ status: z.literal('removed'), cascade_deleted: z.int() }),
      'Removed; its machine is destroyed and confirmed gone. `cascade_deleted` counts descendants.',
    ),
    404: problem('No such workspace.'),
    409: problem('It has children, and `?confirm=true` was not given.'),
  },
})

export function workspaceRoutes(services: Services) {
  const app = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw toInvalidInput(result.error)
    },
  })
  const view = (c: Context, row: Workspace) => toWorkspaceView(row, publicUrlOf(services.config, c))

  /** Sets the reconcile road going for workspaces, and holds the answer back if the caller prefers so. */
  async function follow(c: Context, ids: string[]): Promise<Workspace | undefined> {
    for (const id of ids) c.executionCtx.waitUntil(reconcileNow(services, id))
    const seconds = preferredWait(c)
    const [id] = ids
    return seconds === undefined || id === undefined
      ? undefined
      : waitUntilSettled(services, id, seconds, c.req.raw.signal)
  }

  app.openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const { rows, more } = await listWorkspaces(services.db, { limit, after: parseCursor(cursor) })
    const last = rows.at(-1)
    if (more && last !== undefined) {
      const next = new URLSearchParams({ limit: String(limit), cursor: cursorOf(last) })
      c.header('link', `<${publicUrlOf(services.config, c)}/workspaces?${next}>; rel="next"`)
    }
    return c.json(
      rows.map((row) => view(c, row)),
      200,
    )
  })

  app.openapi(createRouteDefinition, async (c) => {
    const created = await createWorkspace(services, c.req.valid('json'))
    const row = (await follow(c, [created.id])) ?? created
    c.header('location', `/workspaces/${row.id}`)
    return c.json(view(c, row), 201)
  })

  app.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    assertMayUse(c, id)
    const seconds = preferredWait(c)
    const row =
      seconds === undefined
        ? await getWorkspace(services.db, id)
        : await waitUntilSettled(services, id, seconds, c.req.raw.signal)
    return c.json(view(c, row), 200)
  })

  app.openapi(restartRoute, async (c) => {
    const wanted = await restartWorkspace(services, c.req.valid('param').id)
    return c.json(view(c, (await follow(c, [wanted.id])) ?? wanted), 200)
  })

  app.openapi(removeRoute, async (c) => {
    const { id } = c.req.valid('param')
    const { removed } = await removeWorkspace(services, id, c.req.valid('query').confirm === 'true')
    await follow(c, removed)
    return c.json(
      { status: 'removed' as const, cascade_deleted: removed.filter((other) => other !== id).length },
      200,
    )
  })

  return app
}
