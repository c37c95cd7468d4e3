// Who gets in: closed unless a token matches, and open only to this very computer.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askRegion, createHarness, type Harness } from './support/harness.ts'

const DOORS: [string, string][] = [
  ['GET', '/workspaces'],
  ['POST', '/workspaces'],
  ['GET', `/workspaces/${crypto.randomUUID()}`],
  ['DELETE', `/workspaces/${crypto.randomUUID()}`],
  ['PATCH', `/workspaces/${crypto.randomUUID()}`],
  ['GET', '/fleet'],
  ['GET', '/regions'],
  ['GET', `/workspaces/${crypto.randomUUID()}/explain`],
  ...['restart', 'pause', 'resume', 'hibernate'].map((verb): [string, string] => [
    'POST',
    `/workspaces/${crypto.randomUUID()}/${verb}`,
  ]),
  ['POST', `/workspaces/${crypto.randomUUID()}/a2a`],
  ['GET', `/workspaces/${crypto.randomUUID()}/activity`],
  ['POST', `/workspaces/${crypto.randomUUID()}/activity`],
  ['POST', `/workspaces/${crypto.randomUUID()}/notify`],
  ['POST', `/workspaces/${crypto.randomUUID()}/delegate`],
  ['GET', `/workspaces/${crypto.randomUUID()}/delegations`],
  ['POST', `/workspaces/${crypto.randomUUID()}/delegations/record`],
  ['POST', `/workspaces/${crypto.randomUUID()}/delegations/${crypto.randomUUID()}/update`],
  ['GET', `/workspaces/${crypto.randomUUID()}/messages`],
  ['GET', `/workspaces/${crypto.randomUUID()}/messages/${crypto.randomUUID()}`],
  ['GET', `/workspaces/${crypto.randomUUID()}/messages/${crypto.randomUUID()}/response`],
  ['GET', `/registry/discover/${crypto.randomUUID()}`],
  ['GET', `/registry/${crypto.randomUUID()}/peers`],
  ['POST', '/registry/check-access'],
]

const knock = (h: Harness, method: string, path: string, headers: Record<string, string> = {}) =>
  h.request(path, {
    method,
    headers,
    ...(method === 'POST' || method === 'PATCH' ? { json: askRegion() } : {}),
  })

describe('with ADMIN_TOKEN', () => {
  let h: Harness
  beforeAll(async () => {
    h = await createHarness({ env: { ADMIN_TOKEN: 'first-admin,second-admin' } })
  })
  afterAll(() => h.close())

  test.each(DOORS)('%s %s wants a token', async (method, path) => {
    for (const authorization of [
      undefined,
      'Bearer wrong',
      'Basic first-admin',
      'Bearer first-admin,second-admin',
      'Bearer ',
    ]) {
      const { status, headers } = await knock(
        h,
        method,
        path,
        authorization === undefined ? {} : { authorization },
      )
      expect([authorization, status]).toEqual([authorization, 401])
      expect(headers.get('www-authenticate')).toBe('Bearer')
    }
  })

  test('each of the tokens opens, whatever the case of the scheme', async () => {
    for (const authorization of ['Bearer first-admin', 'bearer second-admin', 'BEARER  first-admin']) {
      expect((await knock(h, 'GET', '/workspaces', { authorization })).status).toBe(200)
    }
  })

  test("an agent's token opens its own workspace's doors and no others", async () => {
    const admin = { authorization: 'Bearer first-admin' }
    const make = async (input = {}) => {
      const { body } = await h.request<{ id: string }>('/workspaces', {
        method: 'POST',
        json: { name: 'a', ...input },
        headers: { ...admin, prefer: 'wait=20' },
      })
      return body.id
    }
    const [own, other] = [await make(), await make()]
    const agent = {
      authorization: `Bearer ${(await h.machineOf(own)).config.env['MOLECULE_WORKSPACE_TOKEN'] ?? ''}`,
    }
    expect((await knock(h, 'GET', `/workspaces/${own}`, agent)).status).toBe(200)
    expect((await knock(h, 'POST', `/workspaces/${own}/a2a`, agent)).status).toBe(200)
    expect((await knock(h, 'GET', `/workspaces/${other}`, agent)).status).toBe(404)
    // Two that stand at the top may talk; what is below another may not be reached, nor known.
    expect((await knock(h, 'POST', `/workspaces/${other}/a2a`, agent)).status).toBe(200)
    const hidden = await make({ parent_id: other })
    expect((await knock(h, 'POST', `/workspaces/${hidden}/a2a`, agent)).status).toBe(404)
    const said = { activity_type: 'agent_log', message: 'hello', status: 'completed' }
    const asked = { target_id: other, task: 'x', delegation_id: 'x' }
    for (const [method, door, status] of [
      ['GET', 'activity', 200],
      ['POST', 'activity', 200],
      ['POST', 'notify', 200],
      ['POST', 'delegate', 202],
      ['POST', 'delegations/record', 202],
      ['POST', 'delegations/x/update', 200],
      ['GET', 'delegations', 200],
      ['GET', 'messages', 200],
    ] as const) {
      const answerOf = async (id: string) => {
        const json = method === 'POST' ? { json: { ...said, ...asked } } : {}
        return (await h.request(`/workspaces/${id}/${door}`, { method, headers: agent, ...json })).status
      }
      expect([door, await answerOf(own), await answerOf(other)]).toEqual([door, status, 404])
    }
    for (const [method, path] of [
      ['GET', '/workspaces'],
      ['DELETE', `/workspaces/${own}`],
      ['PATCH', `/workspaces/${own}`],
      ['POST', `/workspaces/${own}/restart`],
      ['POST', `/workspaces/${own}/pause`],
      ['GET', '/fleet'],
      ['GET', '/regions'],
    ] as const) {
      expect([path, (await knock(h, method, path, agent)).status]).toEqual([path, 403])
    }
  })

  test('health, liveness and the API description need none', async () => {
    for (const path of ['/healthz', '/health', '/livez', '/openapi.json', '/docs'])
      expect((await h.fetchRaw(path)).status).toBe(200)
  })
})

describe('without ADMIN_TOKEN', () => {
  test.each(DOORS)(
    '%s %s on an address that is not loopback is closed, and says what opens it',
    async (method, path) => {
      const h = await createHarness({ loopback: false })
      try {
        const answer = await knock(h, method, path, { authorization: 'Bearer anything' })
        expect(answer.status).toBe(503)
        expect(JSON.stringify(answer.body)).toContain('ADMIN_TOKEN')
      } finally {
        await h.close()
      }
    },
  )

  test('loopback is open to programs here, and closed to tunnels, rebound names and web pages', async () => {
    const h = await createHarness()
    try {
      for (const base of ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080']) {
        expect((await h.fetchRaw(`${base}/workspaces`)).status).toBe(200)
      }
      expect((await h.fetchRaw('https://my-tunnel.example.com/workspaces')).status).toBe(401)
      expect((await h.fetchRaw('http://localhost.evil.example:8080/workspaces')).status).toBe(401)
      for (const [origin, status] of [
        ['https://evil.example', 403],
        ['null', 403],
        ['http://localhost:3000', 200],
      ] as const) {
        expect([origin, (await knock(h, 'GET', '/workspaces', { origin })).status]).toEqual([origin, status])
      }
      expect((await knock(h, 'GET', '/workspaces', { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
      expect((await knock(h, 'GET', '/workspaces', { authorization: 'Bearer wrong' })).status).toBe(401)
    } finally {
      await h.close()
    }
  })
})
