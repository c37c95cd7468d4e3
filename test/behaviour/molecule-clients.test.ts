// MOLECULE_COMPAT: the calls of Molecule's Python SDK, MCP server and command line, in the order in which the programs send them
// (docs/facts/molecule.md §8, §9). They were recorded with the programs themselves.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { moleculeRecords } from '../../drizzle/schema/index.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness({
    env: { MOLECULE_COMPAT: 'true', SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') },
  })
})
afterAll(() => h.close())

type Headers = Record<string, string>
const call = <Body = Json>(method: string, path: string, json?: unknown, headers: Headers = {}) =>
  h.request<Body>(path, { method, headers, json })

/** What each call of the SDK carries: its cached token and an origin. */
const ORIGIN = { origin: 'http://localhost:8080' }
const say = (text: string, role = 'user') => ({
  jsonrpc: '2.0',
  id: crypto.randomUUID(),
  method: 'message/send',
  params: { message: { role, messageId: crypto.randomUUID(), parts: [{ kind: 'text', text }] } },
})

describe('the Python SDK', () => {
  async function registered(name: string): Promise<{ id: string; headers: Headers }> {
    const made = await call<{ id: string }>('POST', '/workspaces', { name, tier: 2, runtime: 'external' })
    const { id } = made.body
    const json = { id, url: 'remote://no-inbound', agent_card: { name } }
    const { body } = await call('POST', '/registry/register', json, ORIGIN)
    await h.untilIdle()
    return { id, headers: { ...ORIGIN, authorization: `Bearer ${String(body['auth_token'])}` } }
  }
  const state = ({ headers, id }: { id: string; headers: Headers }) =>
    call('GET', `/workspaces/${id}/state`, undefined, headers)
  const beat = ({ headers, id }: { id: string; headers: Headers }) =>
    call(
      'POST',
      '/registry/heartbeat',
      {
        workspace_id: id,
        current_task: 'idle',
        active_tasks: 0,
        error_rate: 0,
        sample_error: '',
        uptime_seconds: 1,
      },
      headers,
    )

  test('an agent registers once, reads its secrets, beats, and stops when its workspace is paused or removed', async () => {
    const agent = await registered('sdk')
    const { headers, id } = agent
    expect((await call('GET', `/workspaces/${id}/secrets/values`, undefined, headers)).body).toEqual({})
    expect((await beat(agent)).status).toBe(200)
    expect((await state(agent)).body).toEqual({
      workspace_id: id,
      status: 'online',
      paused: false,
      deleted: false,
    })
    // Without its token, a second registration is refused as Molecule refuses it.
    const again = { id, url: 'remote://no-inbound', agent_card: { name: 'sdk' } }
    expect((await call('POST', '/registry/register', again, ORIGIN)).status).toBe(401)
    await call('POST', `/workspaces/${id}/pause`)
    expect((await state(agent)).body).toMatchObject({ status: 'paused', paused: true })
    await call('POST', `/workspaces/${id}/resume`)
    await beat(agent)
    await h.untilIdle()
    expect((await state(agent)).body).toMatchObject({ status: 'online', paused: false })
    await call('DELETE', `/workspaces/${id}?confirm=true`)
    const after = await state(agent)
    expect([after.status, after.body]).toEqual([404, { workspace_id: id, deleted: true, status: 'removed' }])
    expect((await state({ id, headers: { authorization: 'Bearer another' } })).status).toBe(401)
  })

  test('agents find and message each other, and each message has its text and its sender', async () => {
    const first = await registered('sdk-first')
    const second = await registered('sdk-second')
    const as = { ...first.headers, 'x-workspace-id': first.id }
    const peers = (await call<Json[]>('GET', `/registry/${first.id}/peers`, undefined, as)).body
    const found = peers.find(({ id }) => id === second.id)
    expect(found).toMatchObject({ url: expect.stringMatching(/^http/) as string, status: 'online' })
    const { body: discovered } = await call('GET', `/registry/discover/${second.id}`, undefined, as)
    expect(discovered).toMatchObject({ url: found?.['url'] })
    // Answered at once: the SDK waits 30 s, and its agents answer with a message of their own.
    const sent = await call('POST', `/workspaces/${second.id}/a2a`, say('from a peer'), as)
    expect([sent.status, sent.body]).toEqual([
      200,
      expect.objectContaining({ status: 'queued', delivery_mode: 'poll', method: 'message/send' }),
    ])
    await call('POST', `/workspaces/${second.id}/a2a`, { ...say('from a person'), jsonrpc: undefined })
    const path = `/workspaces/${second.id}/activity?type=a2a_receive&limit=100`
    const inbox = (await call<Json[]>('GET', path, undefined, second.headers)).body
    expect(inbox).toMatchObject([
      {
        source: 'peer_agent',
        source_id: first.id,
        data: { source: 'peer_agent', source_id: first.id, text: 'from a peer' },
      },
      { source: 'canvas_user', source_id: null, data: { source: 'canvas_user', text: 'from a person' } },
    ])
    const from = { ...second.headers, 'x-workspace-id': second.id, 'x-source-workspace-id': second.id }
    expect((await call('POST', `/workspaces/${first.id}/a2a`, say('back', 'agent'), from)).status).toBe(200)
    const told = await call('POST', `/workspaces/${second.id}/notify`, { message: 'done' }, second.headers)
    expect(told.body).toEqual({ status: 'sent' })
    const cursor = `&since_id=${String(inbox[1]?.['id'])}`
    // What it told people is no message to it.
    expect((await call('GET', path + cursor, undefined, second.headers)).body).toEqual([])
    const filtered = `${path}&peer_id=${first.id}&before_ts=2130-01-01T00:00:00Z`
    expect((await call('GET', filtered, undefined, second.headers)).body).toHaveLength(1)
    const lost = `&since_id=${crypto.randomUUID()}`
    expect((await call('GET', path + lost, undefined, second.headers)).status).toBe(410)
  })

  test('the activity of an unknown workspace is empty, and a plugin is a 501 with a reason', async () => {
    const unknown = `/workspaces/${crypto.randomUUID()}/activity?type=a2a_receive&limit=100`
    expect((await call('GET', unknown)).body).toEqual([])
    const { headers, id } = await registered('sdk-plugins')
    const plugin = await call('GET', `/workspaces/${id}/plugins/browser/download`, undefined, headers)
    expect([plugin.status, plugin.body['error']]).toEqual([501, expect.stringContaining('no plugins')])
  })
})

describe('the MCP server', () => {
  let id: string
  let other: string
  beforeAll(async () => {
    ;({ id } = await h.createWorkspace({ name: 'mcp' }))
    ;({ id: other } = await h.createWorkspace({ name: 'mcp-peer' }))
  })

  /** One call of each tool of its core set, with the answer that it shows. */
  const CORE: [tool: string, method: string, path: string, json: unknown, answer: unknown][] = [
    ['list_workspaces', 'GET', '/workspaces', undefined, expect.any(Array)],
    ['create_workspace', 'POST', '/workspaces', { name: 'by mcp', tier: 1 }, { status: 'provisioning' }],
    ['get_workspace', 'GET', '/workspaces/ID', undefined, { status: 'online' }],
    ['update_workspace', 'PATCH', '/workspaces/ID', { role: 'tests' }, { status: 'updated' }],
    ['set_secret', 'POST', '/workspaces/ID/secrets', { key: 'K', value: 'v' }, { status: 'saved' }],
    ['list_secrets', 'GET', '/workspaces/ID/secrets', undefined, [{ key: 'K', has_value: true }]],
    ['delete_secret', 'DELETE', '/workspaces/ID/secrets/K', undefined, { status: 'deleted' }],
    ['set_global_secret', 'PUT', '/settings/secrets', { key: 'G', value: 'v' }, { scope: 'global' }],
    ['list_global_secrets', 'GET', '/settings/secrets', undefined, [{ key: 'G' }]],
    ['delete_global_secret', 'DELETE', '/settings/secrets/G', undefined, { status: 'deleted' }],
    [
      'async_delegate',
      'POST',
      '/workspaces/ID/delegate',
      { target_id: 'OTHER', task: 'count' },
      { status: 'delegated' },
    ],
    ['check_delegations', 'GET', '/workspaces/ID/delegations', undefined, [{ target_id: 'OTHER' }]],
    [
      'record_delegation',
      'POST',
      '/workspaces/ID/delegations/record',
      { target_id: 'OTHER', task: 'count', delegation_id: 'd-1' },
      { status: 'recorded' },
    ],
    [
      'update_delegation_status',
      'POST',
      '/workspaces/ID/delegations/d-1/update',
      { status: 'completed' },
      { status: 'updated' },
    ],
    [
      'report_activity',
      'POST',
      '/workspaces/ID/activity',
      { activity_type: 'agent_log' },
      { status: 'logged' },
    ],
    ['list_activity', 'GET', '/workspaces/ID/activity', undefined, expect.any(Array)],
    ['notify_user', 'POST', '/workspaces/ID/notify', { type: 'approval_needed' }, { status: 'sent' }],
    ['list_peers', 'GET', '/registry/ID/peers', undefined, expect.any(Array)],
    [
      'check_access',
      'POST',
      '/registry/check-access',
      { caller_id: 'ID', target_id: 'OTHER' },
      { allowed: true },
    ],
    ['list_events', 'GET', '/events', undefined, expect.any(Array)],
    ['pause_workspace', 'POST', '/workspaces/ID/pause', {}, { status: 'paused' }],
    ['resume_workspace', 'POST', '/workspaces/ID/resume', {}, { id: 'ID' }],
    ['restart_workspace', 'POST', '/workspaces/ID/restart', {}, { id: 'ID' }],
    ['delete_workspace', 'DELETE', '/workspaces/OTHER?confirm=true', undefined, { status: 'removed' }],
  ]

  test('each tool of its core set works, and no success has the member error', async () => {
    const filled = <Value>(value: Value): Value =>
      value === undefined
        ? value
        : (JSON.parse(
            JSON.stringify(value).replaceAll('OTHER', other).replaceAll('"ID"', `"${id}"`),
          ) as Value)
    for (const [tool, method, path, json, answer] of CORE) {
      const { body, status } = await call(
        method,
        path.replace('OTHER', other).replace('ID', id),
        filled(json),
      )
      expect({ tool, status: status < 300 }).toEqual({ tool, status: true })
      expect({ tool, body }).toMatchObject({
        tool,
        body: Array.isArray(answer) || !('asymmetricMatch' in (answer as object)) ? filled(answer) : answer,
      })
      expect(body).not.toHaveProperty('error')
    }
  })

  test('a chat gets the text of the answer, and its tools for remote agents read the heartbeat', async () => {
    const { id: talker } = await h.createWorkspace({ name: 'talker' })
    const params = { message: { role: 'user', parts: [{ type: 'text', text: 'hello' }] } }
    const { body } = await call('POST', `/workspaces/${talker}/a2a`, { method: 'message/send', params })
    expect(body).toMatchObject({ result: { parts: [{ kind: 'text', text: 'Echo: hello' }] } })
    const made = await call('POST', '/workspaces', { name: 'remote', runtime: 'external', tier: 1 })
    const { body: remote } = await call('GET', `/workspaces/${String(made.body['id'])}`)
    expect(remote).toMatchObject({ runtime: 'external', last_heartbeat_at: null, url: '' })
  })

  test.each([
    ['assign_agent', 'POST', 'agent'],
    ['move_agent', 'POST', 'agent/move'],
    ['replace_all_files', 'PUT', 'files'],
    ['write_file', 'PUT', 'files/notes.txt'],
    ['update_config', 'PATCH', 'config'],
    ['session_search', 'GET', 'session-search'],
    ['install_plugin', 'POST', 'plugins'],
    ['add_channel', 'POST', 'channels'],
    ['expand_team', 'POST', 'expand'],
  ])('the tool %s is a 501 whose error says why', async (_, method, path) => {
    const { id: workspace } = (await call<{ id: string }[]>('GET', '/workspaces')).body[0] ?? { id: '' }
    const json = method === 'GET' ? undefined : {}
    const { body, status } = await call(method, `/workspaces/${workspace}/${path}`, json)
    expect([status, String(body['error']).length > 20]).toEqual([501, true])
  })
})

describe('molecule-cli', () => {
  test('connect registers without an address, polls each second, and answers the workspace that asked', async () => {
    const { id: asker } = await h.createWorkspace({ name: 'asker' })
    const asked = { authorization: `Bearer ${await h.tokenOf(asker)}`, 'x-workspace-id': asker }
    const made = await call<{ id: string }>('POST', '/workspaces', { name: 'bridge', runtime: 'external' })
    const { id } = made.body
    const token = (await call('POST', `/workspaces/${id}/tokens`)).body['auth_token']
    const headers = { authorization: `Bearer ${String(token)}` }
    const card = { name: 'molecule-connect', description: 'molecule connect (CLI bridge)', version: '0.1.0' }
    const json = { id, agent_card: card, delivery_mode: 'poll' }
    expect((await call('POST', '/registry/register', json, headers)).status).toBe(200)
    const beat = { workspace_id: id, runtime_state: 'ok', uptime_seconds: 0 }
    expect((await call('POST', '/registry/heartbeat', beat, headers)).status).toBe(200)
    await call('POST', `/workspaces/${id}/a2a`, say('a task'), asked)
    const path = `/workspaces/${id}/activity?limit=50&type=a2a_receive`
    const [row] = (await call<Json[]>('GET', path, undefined, headers)).body
    expect(row).toMatchObject({ source_id: asker, request_body: { method: 'message/send' } })
    const answer = { ...say('done', 'assistant'), id: row?.['id'] }
    const answered = await call('POST', `/workspaces/${asker}/a2a`, answer, headers)
    expect([answered.status, answered.body]).toEqual([
      200,
      expect.objectContaining({ result: expect.anything() as Json }),
    ])
    expect((await call('GET', `${path}&since_id=${String(row?.['id'])}`, undefined, headers)).body).toEqual(
      [],
    )
  })
})

test('what clients kept goes with its workspace, and decided approvals after a while; pending ones stay', async () => {
  const { id } = await h.createWorkspace({ name: 'keeper', canvas: { x: 1, y: 2 } })
  const { id: gone } = await h.createWorkspace({ name: 'gone', canvas: { x: 1, y: 2 } })
  const ask = async () =>
    String((await call('POST', `/workspaces/${id}/approvals`, { action: 'deploy' })).body['approval_id'])
  const decided = await ask()
  const pending = await ask()
  await call('POST', `/workspaces/${id}/approvals/${decided}/decide`, { decision: 'approved' })
  await call('DELETE', `/workspaces/${gone}`)
  h.advance(8 * 86_400_000)
  await h.runRetention()
  const rows = await h.db.select().from(moleculeRecords)
  expect(rows.filter(({ workspaceId }) => workspaceId === gone)).toEqual([])
  const kept = rows.filter(({ workspaceId }) => workspaceId === id).map(({ key, kind }) => ({ key, kind }))
  expect(kept).toEqual(
    expect.arrayContaining([
      { kind: 'layout', key: '' },
      { kind: 'approval', key: pending },
    ]),
  )
  expect(kept).not.toContainEqual({ kind: 'approval', key: decided })
})
