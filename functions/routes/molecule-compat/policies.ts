// MOLECULE_COMPAT: the routes that only Molecule's clients call, with the permission that each requires, like
// functions/access-policy.ts. test/behaviour/molecule-routes.test.ts checks that the two tables and the routes agree.
import { all, type RoutePolicy, workspace } from '../../access-policy.ts'

const reads = workspace('read', 'self')
const writes = workspace('operate', 'self')
/** What a person decides or changes, and not the agent itself. */
const commands = workspace('operate', 'none')
/** Files of a machine contain secrets, and programs that run. */
const files = workspace('exec', 'none')

const at = (path: string) => `/workspaces/:id/${path}`

export const MOLECULE_POLICIES: Readonly<Record<string, RoutePolicy>> = {
  'GET /canvas/viewport': all('read'),
  'PUT /canvas/viewport': all('operate'),
  'GET /templates': all('read'),
  'POST /templates/import': all('operate'),
  'GET /org/templates': all('read'),
  'POST /org/import': all('operate'),
  'GET /approvals/pending': all('read'),
  [`GET ${at('approvals')}`]: reads,
  [`POST ${at('approvals')}`]: writes,
  [`POST ${at('approvals/:approval/decide')}`]: commands,
  [`GET ${at('memories')}`]: reads,
  [`POST ${at('memories')}`]: writes,
  [`DELETE ${at('memories/:memory')}`]: writes,
  [`GET ${at('memory')}`]: reads,
  [`POST ${at('memory')}`]: writes,
  [`GET ${at('memory/:key')}`]: reads,
  [`DELETE ${at('memory/:key')}`]: writes,
  [`GET ${at('model')}`]: reads,
  [`PUT ${at('model')}`]: commands,
  [`GET ${at('metrics')}`]: reads,
  [`GET ${at('budget')}`]: reads,
  [`PATCH ${at('budget')}`]: commands,
  [`GET ${at('traces')}`]: reads,
  [`GET ${at('audit')}`]: reads,
  [`GET ${at('console')}`]: reads,
  [`GET ${at('shared-context')}`]: reads,
  [`GET ${at('session-search')}`]: reads,
  [`GET ${at('config')}`]: reads,
  [`PATCH ${at('config')}`]: commands,
  [`POST ${at('expand')}`]: commands,
  [`POST ${at('collapse')}`]: commands,
  'GET /channels/adapters': all('read'),
  'POST /channels/discover': all('operate'),
  [`GET ${at('channels')}`]: reads,
  [`POST ${at('channels')}`]: commands,
  [`PATCH ${at('channels/:channel')}`]: commands,
  [`DELETE ${at('channels/:channel')}`]: commands,
  [`POST ${at('channels/:channel/test')}`]: commands,
  [`POST ${at('channels/:channel/send')}`]: commands,
  'GET /plugins': all('read'),
  'GET /plugins/sources': all('read'),
  [`GET ${at('plugins')}`]: reads,
  [`GET ${at('plugins/available')}`]: reads,
  [`GET ${at('plugins/compatibility')}`]: reads,
  [`POST ${at('plugins')}`]: commands,
  [`DELETE ${at('plugins/:plugin')}`]: commands,
  [`GET ${at('plugins/:plugin/download')}`]: reads,
  [`POST ${at('agent')}`]: commands,
  [`PATCH ${at('agent')}`]: commands,
  [`DELETE ${at('agent')}`]: commands,
  [`POST ${at('agent/move')}`]: commands,
  'GET /org/tokens': all('admin'),
  'POST /org/tokens': all('admin'),
  'DELETE /org/tokens/:id': all('admin'),
  [`POST ${at('schedules/:schedule/run')}`]: writes,
  [`GET ${at('schedules/:schedule/history')}`]: reads,
  [`PUT ${at('files')}`]: files,
  [`GET ${at('files/:path{.+}')}`]: files,
  [`PUT ${at('files/:path{.+}')}`]: files,
  [`DELETE ${at('files/:path{.+}')}`]: files,
  'GET /bundles/export/:id': workspace('read', 'none'),
  'POST /bundles/import': all('operate'),
  // An agent receives its own events.
  'GET /ws': { scope: 'read', about: 'list', agent: 'record' },
  [`GET ${at('terminal')}`]: files,
  [`GET ${at('state')}`]: reads,
  'GET /agents': all('read'),
  'GET /agents/:id': reads,
  [`GET ${at('agents')}`]: reads,
}
