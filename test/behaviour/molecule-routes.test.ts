// MOLECULE_COMPAT: the routes that only Molecule's clients call. The requests and the members that are checked are those of
// its canvas, command line, MCP server and acceptance scripts (docs/facts/molecule.md §8, §9).
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROUTE_POLICIES } from '../../functions/access-policy.ts'
import { MOLECULE_POLICIES } from '../../functions/routes/molecule-compat/policies.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

let h: Harness
let id: string
beforeAll(async () => {
  h = await createHarness({ env: { MOLECULE_COMPAT: 'true' } })
  ;({ id } = await h.createWorkspace({ name: 'Echo Agent', role: 'echoes', model: 'a-model' }))
})
afterAll(() => h.close())

const get = async <Body = Json>(path: string) => (await h.request<Body>(path)).body
const post = (path: string, json: unknown) => h.request(path, { method: 'POST', json })
const at = (path: string) => `/workspaces/${id}/${path}`

testInProcess(
  'the test reads its routes',
  'the policies and the routes of MOLECULE_COMPAT agree, and none exists without it',
  async () => {
    const namesOf = ({ app }: Harness) =>
      new Set(
        app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`),
      )
    const plain = await createHarness()
    try {
      const added = [...namesOf(h)].filter((name) => !namesOf(plain).has(name))
      expect(new Set(added)).toEqual(new Set(Object.keys(MOLECULE_POLICIES)))
      expect(Object.keys(MOLECULE_POLICIES).filter((name) => name in ROUTE_POLICIES)).toEqual([])
      for (const name of added) {
        const [method = '', pattern = ''] = name.split(' ')
        const path = pattern.replace(':path{.+}', 'notes.txt').replaceAll(/:\w+/g, crypto.randomUUID())
        const { status } = await plain.request(path, { method, ...(method === 'GET' ? {} : { json: {} }) })
        // Some paths have other methods or are those of this API's own resources.
        expect([name, [404, 405].includes(status)]).toEqual([name, true])
      }
    } finally {
      await plain.close()
    }
  },
)

describe('the canvas on start', () => {
  test('it keeps its viewport', async () => {
    expect(await get('/canvas/viewport')).toEqual({ x: 0, y: 0, zoom: 1 })
    const json = { x: -12.5, y: 40, zoom: 1.5 }
    expect((await h.request('/canvas/viewport', { method: 'PUT', json })).body).toEqual({ status: 'saved' })
    expect(await get('/canvas/viewport')).toEqual(json)
    const refused = await h.request('/canvas/viewport', { method: 'PUT', json: { ...json, zoom: 'near' } })
    expect([refused.status, refused.body['error']]).toEqual([400, expect.stringContaining('zoom')])
  })

  test('it is offered the runtimes as templates, from which workspaces are created', async () => {
    const templates = await get<Json[]>('/templates')
    const ids = templates.map((one) => one['id'])
    expect(ids).toContain('hermes')
    for (const template of templates) {
      expect(template).toMatchObject({ name: expect.any(String) as string, tier: 3, models: [], skills: [] })
      expect(template['runtime']).toBe(template['id'])
    }
    const json = { name: 'from the palette', template: 'claude-code', tier: 3, canvas: { x: 1, y: 2 } }
    expect((await post('/workspaces', json)).body).toMatchObject({ runtime: 'claude-code', x: 1 })
    expect(await get('/org/templates')).toEqual([])
  })
})

describe('approvals', () => {
  test('an agent asks, a person decides once, and the agent reads the decision', async () => {
    const headers = { authorization: `Bearer ${await h.tokenOf(id)}` }
    const json = { action: 'deploy to production', reason: 'tests pass' }
    const asked = await h.request(at('approvals'), { method: 'POST', headers, json })
    expect([asked.status, asked.body]).toEqual([
      201,
      { approval_id: expect.any(String) as string, status: 'pending' },
    ])
    const approval = String(asked.body['approval_id'])
    expect(await get('/approvals/pending')).toMatchObject([
      { id: approval, workspace_id: id, workspace_name: 'Echo Agent', status: 'pending', ...json },
    ])
    const decide = (decision: string) =>
      post(at(`approvals/${approval}/decide`), { decision, decided_by: 'human' })
    expect((await decide('perhaps')).status).toBe(400)
    expect((await decide('denied')).body).toEqual({ status: 'denied', approval_id: approval })
    expect((await decide('approved')).status).toBe(404)
    expect(await get('/approvals/pending')).toEqual([])
    const read = await h.request<Json[]>(at('approvals'), { headers })
    expect(read.body).toMatchObject([{ id: approval, status: 'denied', decided_by: 'human' }])
  })

  test('an agent cannot decide, where tokens count', async () => {
    const admin = { authorization: 'Bearer the-administrators-own-token-0001' }
    const closed = await createHarness({
      env: { MOLECULE_COMPAT: 'true', ADMIN_TOKEN: 'the-administrators-own-token-0001' },
    })
    try {
      const workspace = await closed.request('/workspaces', {
        method: 'POST',
        headers: { ...admin, prefer: 'wait=20' },
        json: { name: 'asks' },
      })
      const own = String(workspace.body['id'])
      const headers = { authorization: `Bearer ${await closed.tokenOf(own)}` }
      const path = `/workspaces/${own}/approvals`
      const asked = await closed.request(path, { method: 'POST', headers, json: { action: 'delete it all' } })
      const decision = {
        method: 'POST',
        json: { decision: 'approved' },
      }
      const decide = `${path}/${String(asked.body['approval_id'])}/decide`
      expect((await closed.request(decide, { ...decision, headers })).status).toBe(403)
      expect((await closed.request('/approvals/pending', { headers })).status).toBe(403)
      expect((await closed.request('/approvals/pending')).status).toBe(401)
      expect((await closed.request(decide, { ...decision, headers: admin })).status).toBe(200)
    } finally {
      await closed.close()
    }
  })
})

describe('memories', () => {
  test('an agent keeps texts with a scope', async () => {
    const made = await post(at('memories'), { content: 'Architecture uses Go', scope: 'LOCAL' })
    expect([made.status, made.body['scope']]).toEqual([201, 'LOCAL'])
    await post(at('memories'), { content: 'Sprint goal', scope: 'TEAM' })
    const contents = async (query: string) =>
      (await get<Json[]>(at(`memories${query}`))).map((one) => one['content'])
    expect(await contents('')).toEqual(['Sprint goal', 'Architecture uses Go'])
    expect(await contents('?scope=LOCAL')).toEqual(['Architecture uses Go'])
    expect(await contents('?q=sprint')).toEqual(['Sprint goal'])
    for (const json of [{ content: 'x', scope: 'WORLD' }, { content: '' }, {}])
      expect((await post(at('memories'), json)).status).toBe(400)
    const removal = await h.request(at(`memories/${String(made.body['id'])}`), { method: 'DELETE' })
    expect(removal.body).toEqual({ status: 'deleted' })
    expect(await contents('')).toEqual(['Sprint goal'])
  })

  test('an agent keeps values by key, some for a time', async () => {
    expect((await post(at('memory'), { key: 'mood', value: { is: 'good' } })).body).toEqual({
      status: 'ok',
      key: 'mood',
    })
    await post(at('memory'), { key: 'mood', value: 'better' })
    await post(at('memory'), { key: 'soon over', value: 1, ttl_seconds: 60 })
    expect((await get<Json[]>(at('memory'))).map(({ key, value }) => [key, value])).toEqual([
      ['mood', 'better'],
      ['soon over', 1],
    ])
    expect(await get(at('memory/soon%20over'))).toMatchObject({
      value: 1,
      expires_at: expect.any(String) as string,
    })
    h.advance(61_000)
    expect((await get<Json[]>(at('memory'))).map(({ key }) => key)).toEqual(['mood'])
    expect((await h.request(at('memory/mood'), { method: 'DELETE' })).body).toEqual({ status: 'deleted' })
    expect((await h.request(at('memory/mood'))).status).toBe(404)
  })

  test('a workspace is created with memories, and a wrong one is refused before anything is created', async () => {
    const json = { name: 'knows', initial_memories: [{ content: 'the user likes tea', scope: 'LOCAL' }] }
    const created = await post('/workspaces', json)
    const memories = await get<Json[]>(`/workspaces/${String(created.body['id'])}/memories`)
    expect(memories).toMatchObject([{ content: 'the user likes tea', scope: 'LOCAL' }])
    const count = (await get<Json[]>('/workspaces')).length
    expect((await post('/workspaces', { ...json, initial_memories: [{ scope: 'LOCAL' }] })).status).toBe(400)
    expect(await get<Json[]>('/workspaces')).toHaveLength(count)
  })
})

describe('the tabs of a workspace', () => {
  test('the model is read and changed', async () => {
    expect(await get(at('model'))).toEqual({ model: 'a-model', source: 'workspace' })
    const put = (model: string) => h.request(at('model'), { method: 'PUT', json: { model } })
    expect((await put('another')).body).toEqual({ status: 'saved', model: 'another' })
    expect(await get(`/workspaces/${id}`)).toMatchObject({ model: 'another' })
    expect((await put('')).body).toEqual({ status: 'cleared' })
    expect(await get(at('model'))).toEqual({ model: '', source: 'default' })
  })

  test.each([
    ['traces', { data: [] }],
    ['audit', { entries: [], cursor: null }],
    ['channels', []],
    ['plugins', []],
    ['shared-context', []],
  ])('%s is empty, because there are none', async (tab, empty) => {
    expect(await get(at(tab))).toEqual(empty)
    expect((await h.request(`/workspaces/${crypto.randomUUID()}/${tab}`)).status).toBe(404)
  })

  test.each([
    ['POST', 'plugins'],
    ['POST', 'channels'],
    ['PATCH', 'channels/one'],
    ['POST', 'expand'],
    ['POST', 'agent'],
    ['PATCH', 'config'],
    ['PUT', 'files'],
    ['PUT', 'files/config.yaml'],
    ['DELETE', 'files/config.yaml'],
  ])('%s %s is answered with 501 and what to do instead, and nothing pretends', async (method, path) => {
    const { body, status } = await h.request(at(path), { method, json: { content: 'x' } })
    expect([status, body['code']]).toEqual([501, 'not_implemented'])
    expect(body['error']).toMatch(/\w+ \w+/)
  })

  test('schedules are those of this API, under the names of its clients', async () => {
    const json = {
      name: 'Daily Report',
      cron_expr: '0 9 * * *',
      timezone: 'Europe/Berlin',
      prompt: 'report!',
      enabled: true,
    }
    const created = await post(at('schedules'), json)
    expect([created.status, created.body]).toMatchObject([
      201,
      { id: 'daily-report', ...json, name: 'daily-report' },
    ])
    const off = await h.request(at('schedules/daily-report'), { method: 'PATCH', json: { enabled: false } })
    expect(off.body).toMatchObject({ enabled: false, next_run_at: null, last_status: '', prompt: 'report!' })
    const renamed = { ...json, name: 'Weekly Report' }
    expect((await h.request(at('schedules/daily-report'), { method: 'PATCH', json: renamed })).status).toBe(
      400,
    )
    expect(await get(at('schedules'))).toMatchObject([{ id: 'daily-report', cron_expr: '0 9 * * *' }])
    expect((await post(at('schedules/daily-report/run'), {})).body).toEqual({ prompt: 'report!' })
    expect(await get(at('schedules/daily-report/history'))).toEqual([])
    expect((await h.request(at('schedules/daily-report'), { method: 'DELETE' })).status).toBe(200)
    expect(await get(at('schedules'))).toEqual([])
  })

  test('what the machine printed is its console', async () => {
    const { body, status } = await h.request(at('console'))
    expect([status, body]).toMatchObject([
      200,
      { output: expect.any(String) as string, instance_id: (await get(`/workspaces/${id}`))['machine_id'] },
    ])
  })
})
