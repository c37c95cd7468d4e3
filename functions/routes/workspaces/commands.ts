// Commands for a workspace's machine (restart, pause, resume, hibernate), and an explanation of its state. A command
// answers as soon as the change is stored; `Prefer: wait` delays the answer until the workspace has settled.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Services } from '../../../lib/control-plane/services.ts'
import { explainWorkspace } from '../../../lib/workspaces/explain.ts'
import { toText } from '../../../lib/workspaces/explain-text.ts'
import { HibernateInput, hibernateWorkspace } from '../../../lib/workspaces/hibernate.ts'
import { pauseWorkspace, resumeWorkspace } from '../../../lib/workspaces/pause.ts'
import { getWorkspace } from '../../../lib/lifecycle/queries.ts'
import { RestartInput, restartWorkspace } from '../../../lib/workspaces/restart.ts'
import type { Workspace } from '../../../lib/lifecycle/workspace.ts'
import { described } from '../../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, problem } from '../../http/openapi.ts'
import { publicUrlOf } from '../../http/public-url.ts'
import { reconcileAfterResponse } from '../../http/reconcile-after-response.ts'
import { withCaller } from '../../http/with-caller.ts'
import { toWorkspaceView, WorkspaceView } from './view.ts'

const commandRoute = <Answer extends z.ZodType>(command: string, answer: ReturnType<typeof json<Answer>>) =>
  createRoute({
    method: 'post',
    path: `/workspaces/{id}/${command}`,
    operationId: `${command}Workspace`,
    request: { params: IdParam },
    responses: described(() => ({
      200: answer,
      404: problem('No such workspace.'),
      409: problem('Not possible in its current status, which the detail names.'),
    })),
  })

const pauseRoute = commandRoute(
  'pause',
  described(() =>
    json(
      WorkspaceView.extend({ paused_count: z.int() }),
      'Stops the machines of the workspace and of its descendants.',
    ),
  ),
)

const resumeRoute = commandRoute(
  'resume',
  described(() =>
    json(
      WorkspaceView.extend({ resumed_count: z.int() }),
      'Starts the machines of a paused workspace and of its descendants, or wakes a hibernated workspace.',
    ),
  ),
)

const force = { query: z.object({ force: z.enum(['true', 'false']).optional() }) }

const restartRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/restart',
  operationId: 'restartWorkspace',
  request: { params: IdParam, body: jsonBody(RestartInput, false), ...force },
  responses: described(() => ({
    200: json(
      WorkspaceView,
      'A new generation is requested: the machine restarts with the newest specification, and with `image` if it is given. Streams and tasks that are under way end first, within DRAIN_SECONDS; `?force=true` does not wait.',
    ),
    400: problem('The image is not allowed.'),
    404: problem('No such workspace.'),
    409: problem('The workspace is removed, or its parent is paused.'),
  })),
})

const hibernateRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/hibernate',
  operationId: 'hibernateWorkspace',
  request: { params: IdParam, body: jsonBody(HibernateInput, false), ...force },
  responses: described(() => ({
    200: json(
      WorkspaceView,
      'The machine is suspended until a message, a resume or `wake_at` starts it again. Streams end first, within DRAIN_SECONDS.',
    ),
    400: problem('`wake_at` has passed, or is too far away.'),
    404: problem('No such workspace.'),
    409: problem(
      'Not possible in its current status; or it is at work or held, and `?force=true` is missing.',
    ),
  })),
})

const explainRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/explain',
  operationId: 'explainWorkspace',
  request: { params: IdParam },
  responses: described(() => ({
    200: {
      description:
        'The desired state, the observed state, the reason, the next step, and what of its work survives which event. `Accept: text/plain` returns prose.',
      content: {
        'application/json': { schema: z.looseObject({ status: z.string(), summary: z.string() }) },
        'text/plain': { schema: z.string() },
      },
    },
    404: problem('No such workspace.'),
  })),
})

export function workspaceCommandRoutes(services: Services) {
  const app = createRouter()
  const view = (c: Context, row: Workspace) => toWorkspaceView(services, row, publicUrlOf(services.config, c))
  /** The workspace after the command: at once, or when it has settled if the caller waits. */
  const after = async (c: Context, ids: string[]) =>
    view(
      c,
      (await reconcileAfterResponse(services, c, ids)) ?? (await getWorkspace(services.db, ids[0] ?? '')),
    )

  app.openapi(restartRoute, async (c) => {
    const wanted = await restartWorkspace(
      withCaller(services, c),
      c.req.valid('param').id,
      c.req.valid('json'),
      c.req.query('force') === 'true',
    )
    return c.json(await after(c, [wanted.id]), 200)
  })

  app.openapi(pauseRoute, async (c) => {
    const ids = await pauseWorkspace(withCaller(services, c), c.req.valid('param').id)
    return c.json({ ...(await after(c, ids)), paused_count: ids.length }, 200)
  })

  app.openapi(resumeRoute, async (c) => {
    const ids = await resumeWorkspace(withCaller(services, c), c.req.valid('param').id)
    return c.json({ ...(await after(c, ids)), resumed_count: ids.length }, 200)
  })

  app.openapi(hibernateRoute, async (c) => {
    const row = await hibernateWorkspace(
      withCaller(services, c),
      c.req.valid('param').id,
      c.req.query('force') === 'true',
      c.req.valid('json'),
    )
    return c.json(await after(c, [row.id]), 200)
  })

  app.openapi(explainRoute, async (c) => {
    const { id } = c.req.valid('param')
    const explanation = await explainWorkspace(services, id)
    const wantsText = /text\/plain/.test(c.req.header('accept') ?? '')
    return wantsText ? c.text(toText(explanation), 200) : c.json(explanation, 200)
  })

  return app
}
