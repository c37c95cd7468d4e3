// MOLECULE_COMPAT: agents, as molecule-cli lists them (docs/facts/molecule.md §8.1). Each workspace has one, with the same id.
import { type Context, Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Services } from '../../../lib/control-plane/services.ts'
import { getWorkspace } from '../../../lib/lifecycle/queries.ts'
import { isTokenOfRemoved } from '../../../lib/molecule/removed.ts'
import { normalizeUuid } from '../../../lib/platform/uuid.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { bearerOf } from '../../http/authenticate.ts'
import { statusView } from './routes.ts'
import { ask, idParam, jsonFrom, type SendInner } from './request.ts'

type Workspace = Record<'id' | 'name' | 'status' | 'runtime' | 'created_at', string> & {
  model: string | null
}

/**
 * A removed workspace's token is revoked, so its agent would be refused and would ask again forever: it is told that the
 * workspace is gone. Runs before the authorization.
 */
export const sayRemoved = (services: Services) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const token = bearerOf(c)
    const id = normalizeUuid(c.req.param('id'))
    await next()
    if (c.res.status !== 401 || token === undefined || id === undefined) return
    if (await isTokenOfRemoved(services, id, token))
      c.res = c.json({ workspace_id: id, deleted: true, status: 'removed' }, 404)
  })

export function agentRoutes(services: Services, send: SendInner) {
  const app = new Hono<AppEnv>()
  const workspaceOf = async (c: Context<AppEnv>) =>
    ask(send, c, { path: `/workspaces/${await idParam(services, c)}` })

  app.get('/agents', async (c) => {
    const answer = await ask(send, c, { path: '/workspaces' })
    return answer.ok ? c.json((await jsonFrom<Workspace[]>(answer)).map(toAgent)) : answer
  })
  app.get('/agents/:id', async (c) => {
    const answer = await workspaceOf(c)
    return answer.ok ? c.json(toAgent(await jsonFrom<Workspace>(answer))) : answer
  })
  // `deleted` tells an agent outside of a machine to end (docs/facts/molecule.md §2.4).
  app.get('/workspaces/:id/state', async (c) => {
    const { id, status } = await getWorkspace(services.db, c.req.param('id').toLowerCase())
    if (status === 'removed') return c.json({ workspace_id: id, deleted: true, status }, 404)
    const shown = statusView(services.config, status)
    return c.json({ workspace_id: id, status: shown, paused: status === 'paused', deleted: false })
  })
  app.get('/workspaces/:id/agents', async (c) => {
    const answer = await workspaceOf(c)
    return answer.ok ? c.json([toAgent(await jsonFrom<Workspace>(answer))]) : answer
  })
  return app
}

const toAgent = ({ created_at, id, model, name, runtime, status }: Workspace) => ({
  id,
  name,
  workspace_id: id,
  status,
  model: model ?? '',
  runtime,
  created_at,
})
