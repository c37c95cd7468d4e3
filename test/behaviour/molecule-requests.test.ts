// MOLECULE_COMPAT: what it changes in the requests and responses of this API's own routes, each with it and without it.
// The requests are those of Molecule's canvas, command line, MCP server and acceptance scripts (docs/facts/molecule.md §9).
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let compat: Harness
let plain: Harness
beforeAll(async () => {
  compat = await createHarness({ env: { MOLECULE_COMPAT: 'true' } })
  plain = await createHarness()
})
afterAll(async () => {
  await compat.close()
  await plain.close()
})

const post = (h: Harness, path: string, json: unknown, headers = {}) =>
  h.request(path, { method: 'POST', json, headers })
const patch = (h: Harness, path: string, json: unknown) => h.request(path, { method: 'PATCH', json })

describe('a new workspace', () => {
  test('tier 1 is sized as 2 with MOLECULE_COMPAT, and refused without it', async () => {
    const { body, status } = await post(compat, '/workspaces', { name: 'small', tier: 1 })
    expect([status, body['tier'], body['warnings']]).toEqual([201, 2, undefined])
    const changed = await patch(compat, `/workspaces/${String(body['id'])}`, { tier: 1 })
    expect(changed.body).toMatchObject({ status: 'updated', workspace: { tier: 2 } })
    expect((await post(plain, '/workspaces', { name: 'small', tier: 1 })).status).toBe(400)
  })

  test.each([
    ['hermes', 'hermes'],
    ['claude-code-default', 'claude-code'],
    ['LangGraph', 'langgraph'],
  ])('the template %s is the runtime %s, with MOLECULE_COMPAT and without it', async (template, runtime) => {
    for (const h of [compat, plain]) {
      const { body, status } = await post(h, '/workspaces', { name: 'from a template', template })
      expect([status, body['runtime']]).toEqual([201, runtime])
    }
  })

  test.each([
    [{ template: 'seo-agent' }, 'template'],
    [{ template: '../etc' }, 'template'],
    [{ template: 'hermes', runtime: 'langgraph' }, 'template'],
    [{ runtime: 'seo-agent' }, 'runtime'],
  ])('the agent that %j asks for is refused if it is not known', async (wanted, field) => {
    for (const h of [compat, plain]) {
      const { body, status } = await post(h, '/workspaces', { name: 'unknown', ...wanted })
      expect(status).toBe(400)
      expect(body['errors']).toMatchObject([{ field }])
    }
  })

  test('an external one says once how its agent connects, to callers who may make tokens', async () => {
    const wanted = { name: "a person's laptop", runtime: 'external', tier: 1, canvas: { x: 1, y: 2 } }
    const { body } = await post(compat, '/workspaces', wanted)
    const id = String(body['id'])
    const connection = body['connection'] as Json
    expect([body['external'], connection['workspace_id']]).toEqual([true, id])
    const headers = { authorization: `Bearer ${String(connection['auth_token'])}` }
    const json = { id, agent_card: { name: 'laptop' } }
    expect((await post(compat, '/registry/register', json, headers)).status).toBe(200)
    for (const [h, path] of [
      [compat, `/workspaces/${id}`],
      [plain, ''],
    ] as const) {
      const again =
        path === '' ? await post(h, '/workspaces', { name: 'x', runtime: 'external' }) : await h.request(path)
      expect(again.body).not.toHaveProperty('connection')
    }
  })

  test('what is ignored is named in the response, and nothing else is', async () => {
    const asked = { name: 'wishes', max_concurrent_tasks: 3, workspace_dir: '/data', role: null, unset: null }
    for (const h of [compat, plain]) {
      expect((await post(h, '/workspaces', asked)).body['warnings']).toEqual([
        'max_concurrent_tasks is not a member of this request, and was ignored',
        'workspace_dir is not a member of this request, and was ignored',
      ])
      expect((await post(h, '/workspaces', { name: 'plain' })).body).not.toHaveProperty('warnings')
    }
  })

  test('a budget is refused with MOLECULE_COMPAT, and named as ignored without it', async () => {
    const refused = await post(compat, '/workspaces', { name: 'thrifty', budget_limit: 5 })
    expect(refused.status).toBe(400)
    expect(refused.body['error']).toContain('budget_limit')
    expect((await post(compat, '/workspaces', { name: 'free', budget_limit: null })).status).toBe(201)
    const { body } = await post(plain, '/workspaces', { name: 'thrifty', budget_limit: 5 })
    expect(body['warnings']).toEqual(['budget_limit is not a member of this request, and was ignored'])
  })
})

describe('the canvas', () => {
  test('its positions are kept with MOLECULE_COMPAT: given at creation, changed, and in the list and the detail', async () => {
    const canvas = { x: 120.5, y: -30 }
    const { body } = await post(compat, '/workspaces', { name: 'placed', canvas })
    expect(body).toMatchObject({ x: 120.5, y: -30, collapsed: false, canvas })
    const id = String(body['id'])
    expect((await patch(compat, `/workspaces/${id}`, { x: 7, y: 8 })).body).toEqual({ status: 'updated' })
    expect((await patch(compat, `/workspaces/${id}`, { collapsed: true, name: 'moved' })).body).toMatchObject(
      {
        status: 'updated',
        workspace: { name: 'moved' },
      },
    )
    const expected = { name: 'moved', x: 7, y: 8, collapsed: true, canvas: { x: 7, y: 8 } }
    expect((await compat.request(`/workspaces/${id}`)).body).toMatchObject(expected)
    const listed = await compat.request<Json[]>('/workspaces')
    expect(listed.body.find((one) => one['id'] === id)).toMatchObject(expected)
    const refused = await patch(compat, `/workspaces/${id}`, { x: 'left', y: 0 })
    expect([refused.status, refused.body['error']]).toEqual([400, expect.stringContaining('x')])
    expect((await patch(compat, `/workspaces/${crypto.randomUUID()}`, { x: 1, y: 1 })).status).toBe(404)
  })

  test('without MOLECULE_COMPAT a change of nothing but positions is refused, and claims nothing', async () => {
    const { body } = await post(plain, '/workspaces', { name: 'placed', canvas: { x: 1, y: 2 } })
    expect(body['warnings']).toEqual(['canvas is not a member of this request, and was ignored'])
    const path = `/workspaces/${String(body['id'])}`
    const refused = await patch(plain, path, { x: 7, y: 8 })
    expect([refused.status, refused.body['error']]).toEqual([400, expect.stringContaining('x')])
    const mixed = await patch(plain, path, { x: 7, name: 'renamed' })
    expect(mixed.body).toMatchObject({
      status: 'updated',
      warnings: ['x is not a member of this request, and was ignored'],
    })
    const { body: read } = await plain.request(path)
    expect(read).toMatchObject({ name: 'renamed' })
    expect(read).not.toHaveProperty('x')
  })
})

test('`url` is what the agent reported with MOLECULE_COMPAT, and the endpoint without it', async () => {
  for (const h of [compat, plain]) {
    const { id } = await h.createWorkspace()
    const headers = { authorization: `Bearer ${await h.tokenOf(id)}` }
    const card = { name: 'elsewhere', skills: [] }
    const url = 'http://agent.example:8001'
    const json = { id, url, agent_card: card }
    expect((await h.request('/registry/register', { method: 'POST', headers, json })).status).toBe(200)
    const { body } = await h.request(`/workspaces/${id}`)
    expect(body['url']).toBe(h === compat ? url : body['endpoint'])
    expect(body['endpoint']).toMatch(/\/a2a$/)
    const [listed] = (await h.request<Json[]>('/workspaces')).body.filter((one) => one['id'] === id)
    expect(listed?.['url']).toBe(body['url'])
  }
})

test('discovery without X-Workspace-ID is refused in the words that its clients look for, with MOLECULE_COMPAT', async () => {
  for (const h of [compat, plain]) {
    const { id } = await h.createWorkspace()
    const other = await h.createWorkspace({ name: 'other' })
    const bare = await h.request(`/registry/discover/${id}`)
    if (h === plain) expect(bare.status).toBe(200)
    else expect([bare.status, bare.body['error']]).toEqual([400, 'X-Workspace-ID header is required'])
    const headers = { authorization: `Bearer ${await h.tokenOf(other.id)}`, 'x-workspace-id': other.id }
    expect((await h.request(`/registry/discover/${id}`, { headers })).body).toMatchObject({
      id,
      name: 'test',
    })
  }
})

describe('the registry without a token', () => {
  test('the first registration returns one with MOLECULE_COMPAT, and a later one needs it', async () => {
    const { id } = await compat.createWorkspace()
    const json = { id, url: 'http://localhost:8001', agent_card: { name: 'Echo' } }
    const first = await post(compat, '/registry/register', json)
    expect(first.body).toMatchObject({ status: 'registered', auth_token: expect.any(String) as string })
    expect((await post(compat, '/registry/register', json)).status).toBe(401)
    const headers = { authorization: `Bearer ${String(first.body['auth_token'])}` }
    const again = await post(compat, '/registry/register', json, headers)
    expect([again.status, again.body['auth_token']]).toEqual([200, undefined])
    expect((await post(compat, '/registry/heartbeat', { workspace_id: id }, headers)).status).toBe(200)
  })

  test('a card is changed without a token with MOLECULE_COMPAT', async () => {
    const { id } = await compat.createWorkspace()
    const json = { workspace_id: id, agent_card: { name: 'Echo v2', skills: [] } }
    expect((await post(compat, '/registry/update-card', json)).body).toEqual({ status: 'updated' })
    const { body } = await compat.request<Json[]>(`/events/${id}`)
    expect(body.map((event) => event['event_type'])).toContain('AGENT_CARD_UPDATED')
    const unknown = { ...json, workspace_id: crypto.randomUUID() }
    expect((await post(compat, '/registry/update-card', unknown)).status).toBe(404)
  })

  test('both need one without MOLECULE_COMPAT', async () => {
    const { id } = await plain.createWorkspace()
    const agent_card = { name: 'Echo' }
    expect((await post(plain, '/registry/register', { id, agent_card })).status).toBe(401)
    expect((await post(plain, '/registry/update-card', { workspace_id: id, agent_card })).status).toBe(401)
  })
})
