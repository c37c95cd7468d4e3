// What comes in from strangers and what goes out: limits, shapes, other origins' web pages, and where we call.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseConfig } from '../../lib/config/config.ts'
import { createAllowedOrigins, restrictFetch } from '../../lib/egress/egress-policy.ts'
import { restrictTransport } from '../../lib/a2a/transport/restrict-transport.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness({ env: { CORS_ORIGINS: 'https://console.example.com' } })
})
afterAll(() => h.close())

describe('a request', () => {
  test.each([
    ['/workspaces', 'PUT', 'GET, POST'],
    ['/fleet', 'POST', 'GET'],
    [`/workspaces/${crypto.randomUUID()}`, 'POST', 'GET, PATCH, DELETE'],
  ])('to %s by %s is told which methods there are', async (path, method, allowed) => {
    const { status, headers, body } = await h.request(path, { method })
    expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: allowed })
    expect(body).toMatchObject({ code: 'method_not_allowed' })
  })

  test('to an address that is none is 404, and says where the doors are listed', async () => {
    expect(await h.request('/workspace')).toMatchObject({
      status: 404,
      body: { error: expect.stringContaining('/docs') },
    })
  })

  test('by HEAD is answered as by GET, without a body', async () => {
    const response = await h.fetchRaw('/workspaces', { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })

  test.each([
    ['not JSON', '{"name": ', 'application/json', 400],
    ['without a type', '{}', '', 415],
    ['of another type', 'name=x', 'application/x-www-form-urlencoded', 415],
    ['larger than a megabyte', `"${'x'.repeat(1024 * 1024)}"`, 'application/json', 413],
    ['nested a hundred thousand levels deep', '['.repeat(100_000), 'application/json', 400],
    [
      'that is deep where anything may stand',
      `{"name":"x","config":{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}}`,
      'application/json',
      400,
    ],
    [
      'with a name that is __proto__',
      '{"name":"x","env":{"__proto__":"y"},"tier":9}',
      'application/json',
      400,
    ],
  ])('whose body is %s is refused in words', async (_, body, type, status) => {
    const headers: Record<string, string> = type === '' ? {} : { 'content-type': type }
    const answer = await h.fetchRaw('/workspaces', {
      method: 'POST',
      headers,
      body: new Blob([body], { type }),
    })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(((await answer.json()) as Json)['error']).toEqual(expect.any(String))
  })

  testInProcess(
    'who is cut off while still sending may not hear why',
    'that is longer than it says, in chunks without a length, is cut off',
    async () => {
      const chunk = new TextEncoder().encode(`"${'x'.repeat(64 * 1024)}`)
      let sent = 0
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          sent += chunk.length
          if (sent > 64 * 1024 * 1024) controller.close()
          else controller.enqueue(chunk)
        },
      })
      const headers = { 'content-type': 'application/json' }
      expect((await h.fetchRaw('/workspaces', { method: 'POST', headers, body })).status).toBe(413)
      expect(sent).toBeLessThan(4 * 1024 * 1024)
    },
  )

  test('gets headers that keep browsers from guessing, framing and keeping', async () => {
    const { headers } = await h.request('/workspaces')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('set-cookie')).toBeNull()
  })
})

describe('limits', () => {
  test('of a caller are said with every answer, and end in 429', async () => {
    const limited = await createHarness({ env: { API_RATE_PER_MINUTE: '3' } })
    try {
      const statuses: number[] = []
      for (let times = 0; times < 4; times++) statuses.push((await limited.request('/workspaces')).status)
      expect(statuses).toEqual([200, 200, 200, 429])
      const { body, headers } = await limited.request('/workspaces')
      expect(body).toMatchObject({ code: 'rate_limited' })
      expect(headers.get('ratelimit-policy')).toBe('"api";q=3;w=60')
      expect(headers.get('ratelimit')).toMatch(/^"api";r=0;t=\d+$/)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    } finally {
      await limited.close()
    }
  })

  test('of creates hold across processes and at the same time, and never refuse a repetition', async () => {
    const limited = await createHarness({ env: { CREATE_RATE_PER_HOUR: '5' } })
    try {
      const create = (key: string) =>
        limited.request('/workspaces', {
          method: 'POST',
          headers: { 'idempotency-key': key },
          json: { name: 'x' },
        })
      const answers = await Promise.all(Array.from({ length: 9 }, (_, at) => create(`key-${at}`)))
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
        201, 201, 201, 201, 201, 429, 429, 429, 429,
      ])
      const refused = answers.find(({ status }) => status === 429)
      expect(refused?.body).toMatchObject({ error: expect.stringContaining('CREATE_RATE_PER_HOUR') })
      expect(refused?.headers.get('retry-after')).toBe('720')
      const made = answers.findIndex(({ status }) => status === 201)
      expect((await create(`key-${made}`)).body['id']).toBe(answers[made]?.body['id'])
      limited.advance(721_000)
      expect((await create('later')).status).toBe(201)
      expect((await create('too-soon')).status).toBe(429)
    } finally {
      await limited.close()
    }
  })
})

describe('web pages of other origins', () => {
  const preflight = (origin: string, path = '/workspaces') =>
    h.fetchRaw(path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })

  test.each(['/workspaces', `/workspaces/${crypto.randomUUID()}/a2a`])(
    'may call %s if they are named, without a token for the question',
    async (path) => {
      const { headers, status } = await preflight('https://console.example.com', path)
      expect(status).toBe(204)
      expect(headers.get('access-control-allow-origin')).toBe('https://console.example.com')
      expect(headers.get('access-control-allow-headers')).toBe('authorization,content-type')
      expect(headers.get('access-control-allow-credentials')).toBeNull()
    },
  )

  test.each(['https://evil.example', 'https://console.example.com.evil.example', 'null'])(
    'may not if they are %s',
    async (origin) => {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull()
    },
  )

  test('see the headers that say where and when, A2A included', async () => {
    const named = await createHarness({
      env: { CORS_ORIGINS: 'https://console.example.com', ADMIN_TOKEN: 'an-admin-with-a-page' },
    })
    try {
      for (const path of ['/workspaces', `/workspaces/${crypto.randomUUID()}/a2a`]) {
        const { headers } = await named.request(path, {
          method: path === '/workspaces' ? 'GET' : 'POST',
          headers: { origin: 'https://console.example.com', authorization: 'Bearer an-admin-with-a-page' },
          ...(path === '/workspaces' ? {} : { json: {} }),
        })
        expect(headers.get('access-control-allow-origin')).toBe('https://console.example.com')
        expect(headers.get('access-control-expose-headers')).toContain('Retry-After')
        expect(headers.get('vary')).toContain('Origin')
      }
    } finally {
      await named.close()
    }
  })
})

describe('we call', () => {
  const isAllowed = createAllowedOrigins({
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
  ])('%s: %s', (origin, expected) => {
    expect(isAllowed(origin)).toBe(expected)
  })

  test('from inside of Fly its inner addresses, and none of the outer ones', () => {
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

  test('nobody whom a redirect names', async () => {
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
      headers: {},
      body: undefined,
      silenceMs: 1,
    }
    expect(() => transport(request, {} as never)).toThrow(/not an origin that this service may call/)
  })

  test('no address that a caller or an agent has written anywhere', async () => {
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
