// The access policy: every route with the permission that it requires. A route without a row is refused
// (functions/middleware/authorize.ts), and test/behaviour/access.test.ts calls every route as every kind of caller.
import type { OtherWorkspaces, RouteAccess } from '../lib/auth/authorize.ts'
import type { Scope } from '../lib/auth/scopes.ts'

/**
 * `public`: no credential. `agent`: a workspace's own token, which the statement that it permits checks. `signed`:
 * another system's signature over the body, which the route's function of lib checks.
 */
export type RoutePolicy = RouteAccess | 'public' | 'agent' | 'signed'

export const workspace = (
  scope: Scope | 'none',
  agent: RouteAccess['agent'],
  others: OtherWorkspaces = {},
): RouteAccess => ({ scope, about: 'workspace', agent, others })
export const all = (scope: Scope, others: OtherWorkspaces = {}): RouteAccess => ({
  scope,
  about: 'all',
  agent: 'none',
  others,
})

/** A2A over JSON-RPC and HTTP+JSON, for every HTTP method (functions/routes/a2a/handler.ts). */
export const A2A_POLICY = workspace('operate', 'peer')

/** The public card, never the extended one. Open to everyone where the workspace or PUBLIC_AGENT_CARDS says so. */
const CARD_POLICY: RouteAccess = { ...workspace('read', 'peer'), isOpenForPublicCards: true }

/** Also required for events that only administrators may see. */
export const AUDIT_POLICY = all('admin')

export const ROUTE_POLICIES: Readonly<Record<string, RoutePolicy>> = {
  'GET /': 'public',
  'GET /console': 'public',
  'GET /console/:file': 'public',
  'GET /docs': 'public',
  'GET /docs/:file': 'public',
  'GET /openapi.json': 'public',
  'GET /health': 'public',
  'GET /healthz': 'public',
  'GET /livez': 'public',
  'GET /readyz': 'public',

  // It says nothing but what the caller's own token is.
  'GET /me': { scope: 'read', about: 'list', agent: 'record' },

  'POST /registry/register': 'agent',
  'POST /registry/heartbeat': 'agent',
  'POST /registry/update-card': 'agent',
  'GET /registry/discover/:id': workspace('read', 'peer'),
  'GET /registry/:id/peers': workspace('read', 'self', { response: true }),
  'POST /registry/check-access': {
    scope: 'read',
    about: 'all',
    agent: 'record',
    others: { body: ['caller_id', 'target_id'] },
  },

  'GET /workspaces': {
    scope: 'read',
    about: 'list',
    agent: 'none',
    others: { query: ['parent_id'], response: true },
  },
  'POST /workspaces': all('operate', { body: ['parent_id', 'from.workspace'] }),
  'GET /workspaces/:id': workspace('read', 'self'),
  'PATCH /workspaces/:id': workspace('operate', 'none', { body: ['parent_id'] }),
  'DELETE /workspaces/:id': workspace('operate', 'none'),
  'GET /workspaces/:id/explain': workspace('read', 'self'),
  'GET /workspaces/:id/logs': workspace('read', 'self'),
  // A command can read the secrets of the workspace, so it requires more than `operate`.
  'POST /workspaces/:id/exec': workspace('exec', 'none'),
  // Files are as powerful as commands: they contain secrets, and programs that run.
  'GET /workspaces/:id/files': workspace('exec', 'none'),
  'GET /workspaces/:id/files/content': workspace('exec', 'none'),
  'PUT /workspaces/:id/files/content': workspace('exec', 'none'),
  'DELETE /workspaces/:id/files/content': workspace('exec', 'none'),
  'POST /workspaces/:id/files/archive': workspace('exec', 'none'),
  'POST /workspaces/:id/restart': workspace('operate', 'none'),
  'POST /workspaces/:id/pause': workspace('operate', 'none'),
  'POST /workspaces/:id/resume': workspace('operate', 'none'),
  'POST /workspaces/:id/hibernate': workspace('operate', 'none'),
  'POST /workspaces/:id/holds': workspace('operate', 'self'),
  'GET /workspaces/:id/holds': workspace('read', 'self'),
  'DELETE /workspaces/:id/holds/:hold': workspace('operate', 'self'),
  'GET /workspaces/:id/snapshots': workspace('read', 'self'),
  'POST /workspaces/:id/snapshots': workspace('operate', 'self'),
  'POST /workspaces/:id/restore': workspace('operate', 'none'),
  'POST /workspaces/:id/schedules': workspace('operate', 'self'),
  'GET /workspaces/:id/schedules': workspace('read', 'self'),
  'GET /workspaces/:id/schedules/:schedule': workspace('read', 'self'),
  'PATCH /workspaces/:id/schedules/:schedule': workspace('operate', 'self'),
  'DELETE /workspaces/:id/schedules/:schedule': workspace('operate', 'self'),

  'POST /workspaces/:id/a2a': A2A_POLICY,
  'GET /workspaces/:id/a2a/.well-known/agent-card.json': CARD_POLICY,
  'GET /workspaces/:id/a2a/.well-known/agent.json': CARD_POLICY,
  'GET /workspaces/:id/.well-known/agent-card.json': CARD_POLICY,
  'GET /workspaces/:id/.well-known/agent.json': CARD_POLICY,
  'GET /workspaces/:id/messages': workspace('read', 'self'),
  // Decided for each message: its sender may read it too.
  'GET /workspaces/:id/messages/:message': workspace('read', 'record'),
  'GET /workspaces/:id/messages/:message/response': workspace('read', 'record'),
  'POST /workspaces/:id/messages/:message/response': workspace('none', 'self'),

  'GET /workspaces/:id/events': workspace('read', 'self'),
  'GET /workspaces/:id/activity': workspace('read', 'self', { query: ['peer_id'] }),
  'POST /workspaces/:id/activity': workspace('operate', 'self', { body: ['source_id', 'target_id'] }),
  'POST /workspaces/:id/notify': workspace('operate', 'self'),
  'POST /workspaces/:id/delegate': workspace('operate', 'self', { body: ['target_id'] }),
  'GET /workspaces/:id/delegations': workspace('read', 'self'),
  'POST /workspaces/:id/delegations/record': workspace('operate', 'self', { body: ['target_id'] }),
  'POST /workspaces/:id/delegations/:delegation_id/update': workspace('operate', 'self'),

  'GET /workspaces/:id/secrets': workspace('read', 'self'),
  'PUT /workspaces/:id/secrets': workspace('operate', 'none'),
  'POST /workspaces/:id/secrets': workspace('operate', 'none'),
  'DELETE /workspaces/:id/secrets/:key': workspace('operate', 'none'),
  'GET /workspaces/:id/secrets/values': workspace('none', 'self'),
  'GET /settings/secrets': all('admin'),
  'PUT /settings/secrets': all('admin'),
  'POST /settings/secrets': all('admin'),
  'DELETE /settings/secrets/:key': all('admin'),

  'GET /workspaces/:id/hooks': workspace('read', 'self'),
  'POST /workspaces/:id/hooks': workspace('operate', 'none'),
  'GET /workspaces/:id/hooks/:hook': workspace('read', 'self'),
  'PATCH /workspaces/:id/hooks/:hook': workspace('operate', 'none'),
  'DELETE /workspaces/:id/hooks/:hook': workspace('operate', 'none'),
  'POST /workspaces/:id/hooks/:hook/rotate': workspace('operate', 'none'),
  // Slack checks the certificate of an address with GET (lib/hooks/answers.ts).
  'GET /webhooks/workspaces/:id/:hook': 'public',
  'POST /webhooks/workspaces/:id/:hook': 'signed',

  // A workspace token can read the workspace's secrets, so making one requires more than `operate`.
  'GET /workspaces/:id/tokens': workspace('operate', 'self'),
  'POST /workspaces/:id/tokens': workspace('admin', 'self'),
  'DELETE /workspaces/:id/tokens/:token': workspace('operate', 'self'),
  'GET /admin/workspaces/:id/test-token': workspace('admin', 'none'),
  'GET /tokens': all('admin'),
  'POST /tokens': all('admin', { body: ['workspaces'] }),
  'DELETE /tokens/:id': all('admin'),

  // Events for administrators only (lib/events/event-types.ts) require AUDIT_POLICY as well.
  'GET /events': {
    scope: 'read',
    about: 'list',
    agent: 'none',
    others: { query: ['workspace_id'], response: true },
  },
  'GET /events/:id': workspace('read', 'self'),

  // An endpoint receives events of all workspaces.
  'POST /webhook-endpoints': all('admin', { body: ['workspace_id'] }),
  'GET /webhook-endpoints': all('admin'),
  'GET /webhook-endpoints/:endpoint': all('admin'),
  'PATCH /webhook-endpoints/:endpoint': all('admin', { body: ['workspace_id'] }),
  'DELETE /webhook-endpoints/:endpoint': all('admin'),
  'POST /webhook-endpoints/:endpoint/test': all('admin'),
  'POST /webhook-endpoints/:endpoint/rotate-secret': all('admin'),
  'GET /webhook-endpoints/:endpoint/deliveries': all('admin'),
  'POST /webhook-endpoints/:endpoint/deliveries/replay': all('admin'),
  'POST /webhook-endpoints/:endpoint/deliveries/:seq/replay': all('admin'),

  'GET /audit': { ...AUDIT_POLICY, others: { query: ['workspace_id'] } },
  'GET /metrics': all('read'),
  'GET /fleet': all('read', { query: ['workspace_id'] }),
  'GET /regions': all('read'),
  'GET /prices': all('read'),

  // A disk may outlive its workspace, so a token for some workspaces cannot reach it.
  'GET /disks': all('read'),
  'GET /disks/:disk': all('read'),
  'DELETE /disks/:disk': all('operate'),
  'GET /disks/:disk/snapshots': all('read'),

  'GET /rollouts': all('read'),
  'POST /rollouts': all('operate', { body: ['workspaces'] }),
  'GET /rollouts/:id': all('read'),
  'POST /rollouts/:id/halt': all('operate'),
  'POST /rollouts/:id/resume': all('operate'),
  'POST /rollouts/:id/rollback': all('operate'),

  // Its tools call other routes with the caller's token.
  'POST /mcp': { scope: 'read', about: 'list', agent: 'none' },

  // The forge signs the body (functions/routes/registry-webhooks.ts).
  'POST /webhooks/github': 'signed',
  'POST /webhooks/gitea': 'signed',
}
