// What every request is subject to: methods, paths, bodies, response headers and rate limits.
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rateLimits } from '../../drizzle/schema/index.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness({ env: { CORS_ORIGINS: 'https://console.example.com' } })
})
afterAll(() => h.close())

describe('requests', () => {
  test.each([
    ['/workspaces', 'PUT', 'GET, POST'],
    ['/fleet', 'POST', 'GET'],
    [`/workspaces/${crypto.randomUUID()}`, 'POST', 'GET, PATCH, DELETE'],
  ])('a request to %s by %s is refused with the allowed methods', async (path, method, allowed) => {
    const { status, headers, body } = await h.request(path, { method })
    expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: allowed })
    expect(body).toMatchObject({ code: 'method_not_allowed' })
  })

  test('a request to an unknown path is 404, and the error refers to /docs', async () => {
    expect(await h.request('/workspace')).toMatchObject({
      status: 404,
      body: { error: expect.stringContaining('/docs') },
    })
  })

  test('a HEAD request is answered like a GET request, without a body', async () => {
    const response = await h.fetchRaw('/workspaces', { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })

  test('no request without a body is a mistake of this server', async () => {
    const { id } = await h.createWorkspace()
    const { body } = await h.request<{ paths: Record<string, Json> }>('/openapi.json')
    for (const [path, operations] of Object.entries(body.paths))
      for (const method of ['post', 'put', 'patch'].filter((one) => one in operations)) {
        const url = path.replace('{id}', id).replaceAll(/\{\w+\}/g, crypto.randomUUID())
        expect([
          method,
          path,
          (await h.fetchRaw(url, { method: method.toUpperCase() })).status,
        ]).not.toContain(500)
      }
  })

  test.each([
    ['invalid JSON', '{"name": ', 'application/json', 400],
    ['without a content type', '{}', '', 415],
    ['of another content type', 'name=x', 'application/x-www-form-urlencoded', 415],
    ['larger than a megabyte', `"${'x'.repeat(1024 * 1024)}"`, 'application/json', 413],
    ['nested a hundred thousand levels deep', '['.repeat(100_000), 'application/json', 400],
    [
      'nested five thousand levels deep in a free-form member',
      `{"name":"x","config":{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}}`,
      'application/json',
      400,
    ],
    [
      'an object with the key __proto__',
      '{"name":"x","env":{"__proto__":"y"},"tier":9}',
      'application/json',
      400,
    ],
  ])('a request whose body is %s is refused with a problem document', async (_, body, type, status) => {
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
    'a caller that is cut off while it sends may not hear why',
    'a chunked request without a length is cut off at the limit',
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

  test('responses have headers against content sniffing, framing and referrers, and no cookies', async () => {
    const { headers } = await h.request('/workspaces')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('set-cookie')).toBeNull()
  })
})

describe('rate limits', () => {
  test('the rate limit of a caller is in every response, and ends in 429', async () => {
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

  test('the rate limit of an agent holds for its heartbeats', async () => {
    const limited = await createHarness({ env: { API_RATE_PER_MINUTE: '30' } })
    try {
      const { id } = await limited.createWorkspace()
      const headers = { authorization: `Bearer ${await limited.tokenOf(id)}` }
      const beat = () =>
        limited.request('/registry/heartbeat', { method: 'POST', headers, json: { workspace_id: id } })
      const statuses: number[] = []
      for (let times = 0; times < 62; times++) statuses.push((await beat()).status)
      expect(new Set(statuses)).toEqual(new Set([200, 429]))
    } finally {
      await limited.close()
    }
  })

  test('a rate limit does not last longer when the clock is set back', async () => {
    const limited = await createHarness({ env: { API_RATE_PER_MINUTE: '1' } })
    try {
      expect((await limited.request('/workspaces')).status).toBe(200)
      limited.advance(-300_000)
      const { headers, status } = await limited.request('/workspaces')
      expect(status).toBe(429)
      expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60)
    } finally {
      await limited.close()
    }
  })

  test('the limit of creates holds for concurrent requests, and never refuses a repeated key', async () => {
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
      // The clock of this process is wrong; that of the database counts.
      limited.advance(721_000)
      expect((await create('by-a-wrong-clock')).status).toBe(429)
      await limited.db.update(rateLimits).set({ nextAt: sql`${rateLimits.nextAt} - interval '721 seconds'` })
      expect((await create('later')).status).toBe(201)
      expect((await create('too-soon')).status).toBe(429)
    } finally {
      await limited.close()
    }
  })
})
