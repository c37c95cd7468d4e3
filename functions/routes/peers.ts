// /registry for agents that look for peers (docs/facts/molecule.md §2.6). Every URL in the answers is this control
// plane's, so an agent sends its token here and never to another agent (docs/facts/molecule.md §1.8).
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { machineTier } from '../../lib/machines/runtimes.ts'
import { storedCardOf } from '../../lib/a2a/stored-card.ts'
import { rewriteCard } from '../../lib/a2a/wire/agent-card.ts'
import { limitedTo } from '../../lib/auth/authorize.ts'
import { canCommunicate } from '../../lib/registry/can-communicate.ts'
import { listPeers, type Peer } from '../../lib/registry/peers.ts'
import { workspaceNotFound } from '../../lib/platform/errors.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { boundedText } from '../../lib/platform/postgres-text.ts'
import type { Config } from '../../lib/config/config.ts'
import { getLivingWorkspace } from '../../lib/lifecycle/queries.ts'
import { rejectForgedCaller } from '../http/verify-caller-header.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, IdParam, json, problem } from '../http/openapi.ts'
import { StatusView, statusView } from './molecule-compat/routes.ts'
import { publicUrlOf } from '../http/public-url.ts'
import { workspaceIdInput } from '../../lib/platform/uuid.ts'

const discoverRoute = createRoute({
  method: 'get',
  path: '/registry/discover/{id}',
  operationId: 'discoverWorkspace',
  middleware: [rejectForgedCaller],
  request: { params: IdParam },
  responses: described(() => ({
    200: json(
      z.object({ id: z.uuid(), url: z.string(), name: z.string() }),
      'The URL for A2A messages to the workspace, which this control plane proxies.',
    ),
    403: problem('X-Workspace-ID is not the workspace of the token.'),
    404: problem('No such workspace, or the caller may not communicate with it.'),
  })),
})

const PeerView = described(() =>
  z
    .object({
      id: z.uuid(),
      name: z.string(),
      role: z.string().nullable(),
      tier: z.int().nullable(),
      status: StatusView,
      agent_card: z.record(z.string(), z.unknown()).nullable(),
      url: z.string(),
      parent_id: z.uuid().nullable(),
      active_tasks: z.int(),
    })
    .openapi('Peer'),
)

const peersRoute = createRoute({
  method: 'get',
  path: '/registry/{id}/peers',
  operationId: 'listPeers',
  middleware: [rejectForgedCaller],
  request: { params: IdParam, query: z.object({ q: boundedText().max(200).optional() }) },
  responses: described(() => ({
    200: json(
      z.array(PeerView),
      'Its siblings, children and parent; for a root, all other roots and its children. `q` filters by a part of the name, role or description.',
    ),
    403: problem('X-Workspace-ID is not the workspace of the token.'),
    404: problem('No such workspace.'),
  })),
})

const accessRoute = createRoute({
  method: 'post',
  path: '/registry/check-access',
  operationId: 'checkAccess',
  middleware: [rejectForgedCaller],
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.object({ caller_id: workspaceIdInput(), target_id: workspaceIdInput() }),
        },
      },
    },
  },
  responses: described(() => ({
    200: json(z.object({ allowed: z.boolean() }), 'Whether the caller may send messages to the target.'),
    400: problem('A field is invalid.'),
    403: problem('X-Workspace-ID is not the workspace of the token.'),
    404: problem('`caller_id` is not the workspace of the token.'),
  })),
})

export function peerRoutes(services: Services) {
  const { config, db } = services
  const app = createRouter()
  const a2aUrlOf = (c: Context, id: string) => `${publicUrlOf(config, c)}/workspaces/${id}/a2a`

  app.openapi(discoverRoute, async (c) => {
    const { id } = c.req.valid('param')
    const row = await getLivingWorkspace(db, id)
    return c.json({ id: row.id, url: a2aUrlOf(c, row.id), name: row.name }, 200)
  })

  app.openapi(peersRoute, async (c) => {
    const { id } = c.req.valid('param')
    const search = (c.req.valid('query').q ?? '').trim()
    const peers = await listPeers(db, id, search, limitedTo(c.get('caller')))
    return c.json(
      peers.map((peer) => toView(config, peer, a2aUrlOf(c, peer.id))),
      200,
    )
  })

  app.openapi(accessRoute, async (c) => {
    const { caller_id: callerId, target_id: targetId } = c.req.valid('json')
    const caller = c.get('caller')
    if (caller.kind === 'workspace' && caller.workspaceId !== callerId) throw workspaceNotFound()
    return c.json({ allowed: await canCommunicate(db, callerId, targetId) }, 200)
  })

  return app
}

function toView(config: Config, row: Peer, url: string): z.infer<typeof PeerView> {
  const card = storedCardOf(row)
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    tier: machineTier(row),
    status: statusView(config, row.status),
    agent_card: card === null ? null : rewriteCard(card, { url, secured: config.adminTokens.length > 0 }),
    url,
    parent_id: row.parentId,
    active_tasks: row.activeTasks,
  }
}
