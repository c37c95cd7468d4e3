// Egress: the control plane calls Fly and its agents, and no URL that a caller or an agent provides.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseConfig } from '../../lib/config/config.ts'
import { createAllowedOrigins, restrictFetch } from '../../lib/egress/egress-policy.ts'
import { restrictTransport } from '../../lib/a2a/transport/restrict-transport.ts'
import { createHarness, type Harness } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

describe('egress', () => {
  const isAllowed = createAllowedOrigins({
    ...parseConfig({}),
    fly: {
      ...parseConfig({}).fly,
      apiUrl: 'https://api.machines.dev',
      apps: ['mine', 'my-other'],
      proxyUrl: undefined,
    },
  })

  test.each([
    ['https://api.machines.dev', true],
    ['https://mine.fly.dev', true],
    ['https://my-other.fly.dev', true],
    ['https://theirs.fly.dev', false],
    ['http://mine.fly.dev', false],
    ['https://mine.fly.dev:8443', false],
    ['https://api.machines.dev.evil.example', false],
    ['http://169.254.169.254', false],
    ['http://[fdaa::3]', false],
    ['http://[::ffff:169.254.169.254]', false],
    ['http://127.0.0.1:8080', false],
    ['http://localhost', false],
    ['http://2130706433', false],
    ['null', false],
  ])('the origin %s is allowed: %s', (origin, expected) => {
    expect(isAllowed(origin)).toBe(expected)
  })

  test('only the private addresses of Fly are allowed with FLY_ENDPOINT=internal', () => {
    const settings = { CONTAINER_BACKEND: 'flyio', FLY_API_TOKEN: 'token', FLY_WORKSPACE_APP: 'mine' }
    const inside = createAllowedOrigins(parseConfig({ ...settings, FLY_ENDPOINT: 'internal' }))
    for (const origin of ['http://_api.internal:4280', 'http://mine.flycast'])
      expect(inside(origin), origin).toBe(true)
    for (const origin of [
      'https://api.machines.dev',
      'https://mine.fly.dev',
      'http://theirs.flycast',
      'https://mine.flycast',
      'http://mine.internal',
    ])
      expect(inside(origin), origin).toBe(false)
  })

  test('a redirect is not followed, and a request to another origin throws', async () => {
    const asked: RequestInit[] = []
    const guarded = restrictFetch(isAllowed, async (_, init) => {
      asked.push(init ?? {})
      return new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/' } })
    })
    expect((await guarded('https://api.machines.dev/v1/apps')).status).toBe(302)
    expect(asked).toMatchObject([{ redirect: 'manual' }])
    await expect(guarded('http://169.254.169.254/latest/meta-data')).rejects.toThrow(/none of the places/)
    await expect(guarded(new Request('https://evil.example'))).rejects.toThrow(/none of the places/)
    const transport = restrictTransport(isAllowed, () => {
      throw new Error('was sent')
    })
    const request = {
      origin: 'https://evil.example',
      path: '/',
      method: 'GET',
      headers: [],
      body: undefined,
      silenceMs: 1,
    }
    expect(() => transport(request, {} as never)).toThrow(/not an origin that this service may call/)
  })

  test('no URL that a caller or an agent provides is ever called', async () => {
    let visits = 0
    const trap = createServer((_, response) => {
      visits++
      response.end('{}')
    })
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/`
    try {
      const { id } = await h.createWorkspace({
        role: url,
        env: { WEBHOOK: url },
        config: { url, a2a: { url } },
      })
      const token = (await h.request(`/workspaces/${id}/tokens`, { method: 'POST' })).body['auth_token']
      const headers = { authorization: `Bearer ${String(token)}` }
      const card = {
        name: 'trap',
        url,
        supportedInterfaces: [{ url, transport: 'JSONRPC' }],
        additionalInterfaces: [{ url, transport: 'JSONRPC' }],
        iconUrl: url,
        documentationUrl: url,
        provider: { organization: 'x', url },
      }
      const registered = { id, url, agent_card: card }
      expect(
        (await h.request('/registry/register', { method: 'POST', headers, json: registered })).status,
      ).toBe(200)
      await h.request(`/workspaces/${id}/notify`, {
        method: 'POST',
        headers,
        json: { message: url, attachments: [{ uri: url, name: 'x' }] },
      })
      const push = {
        jsonrpc: '2.0',
        id: 1,
        method: 'message/send',
        params: { message: { role: 'user', parts: [{ kind: 'file', file: { uri: url } }] } },
      }
      await h.request(`/workspaces/${id}/a2a`, { method: 'POST', json: push })
      await h.request(`/workspaces/${id}/a2a/.well-known/agent-card.json`)
      await h.untilIdle()
      expect(visits).toBe(0)
      expect(h.outgoing.filter(({ url: asked }) => asked.startsWith(url))).toEqual([])
    } finally {
      trap.close()
    }
  })
})
