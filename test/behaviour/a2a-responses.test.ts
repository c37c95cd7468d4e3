// A2A responses through the proxy: what the caller gets from the agent, and the errors when the agent cannot answer.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'

type Seen = { method: string; path: string; headers: Headers; body: string }

const seen: Seen[] = []
let answer: (request: Request) => Response | Promise<Response> = () => Response.json({})

/** Answers what the test sets, and records every request. */
const scriptedProgram: Program = async (machine) => {
  await machine.listen(8000, async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname.endsWith('agent-card.json')) return Response.json({ name: 'scripted' })
    seen.push({
      method: request.method,
      path: pathname,
      headers: request.headers,
      body: await request.clone().text(),
    })
    return answer(request)
  })
  return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
}

let h: Harness
let sample: string
let scripted: string
beforeAll(async () => {
  h = await createHarness({
    programs: { 'ghcr.io/molecule-ai/scripted': scriptedProgram },
    env: { A2A_SILENCE_SECONDS: '1', A2A_MAX_BODY_BYTES: '20000' },
  })
  sample = (await h.createWorkspace({ name: 'sample' })).id
  scripted = (await h.createWorkspace({ name: 'scripted', image: 'ghcr.io/molecule-ai/scripted' })).id
})
afterAll(() => h.close())
beforeEach(() => {
  seen.length = 0
  answer = () => Response.json({ jsonrpc: '2.0', id: 1, result: {} })
})

const send = <Body = Json>(id: string, init: RequestInit & { json?: unknown }, suffix = '') =>
  h.request<Body>(`/workspaces/${id}/a2a${suffix}`, { method: 'POST', ...init })

describe('responses', () => {
  test('only headers that describe the answer reach the caller', async () => {
    const steering = {
      'x-accel-redirect': '/internal/passwd',
      'x-accel-expires': '3600',
      'x-sendfile': '/etc/passwd',
      'x-lighttpd-send-file': '/etc/passwd',
      refresh: '0; url=https://evil.example',
      'clear-site-data': '"*"',
      'service-worker-allowed': '/',
      'content-security-policy': 'default-src *',
      'content-disposition': 'attachment; filename=x.exe',
      'www-authenticate': 'Basic realm="the platform"',
      'set-cookie': 'a=b',
      server: 'agent',
      link: '</x>; rel=preload',
      location: 'https://evil.example',
      'fly-replay': 'instance=other',
      'access-control-allow-origin': '*',
      'strict-transport-security': 'max-age=1',
      nel: '{}',
      'report-to': '{}',
      'x-of-the-agent': 'yes',
    }
    const passed = {
      'retry-after': '3',
      'a2a-version': '1.0',
      'a2a-extensions': 'https://example.com/x',
      'content-language': 'de',
    }
    for (const type of ['application/json', 'text/event-stream']) {
      const headers = {
        ...steering,
        ...passed,
        'content-type': type,
        'cache-control': 'public, max-age=31536000',
      }
      answer = () => new Response(type === 'application/json' ? '{}' : 'data: {}\n\n', { headers })
      const response = await h.fetchRaw(`/workspaces/${scripted}/a2a`, { method: 'POST', json: askRegion() })
      await response.text()
      for (const name of Object.keys(steering))
        expect([name, response.headers.get(name)]).toEqual([name, null])
      for (const [name, value] of Object.entries(passed)) expect(response.headers.get(name)).toBe(value)
      expect(response.headers.get('content-type')).toBe(type)
      expect(response.headers.get('cache-control')).toMatch(/^no-/)
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    }
  })

  test.each<[string | undefined, string]>([
    ['text/html', 'application/octet-stream'],
    ['image/svg+xml', 'application/octet-stream'],
    [undefined, 'application/octet-stream'],
    ['application/json, text/html', 'application/octet-stream'],
    ['application/json-seq', 'application/octet-stream'],
    ['application/json; charset=utf-8', 'application/json; charset=utf-8'],
    ['application/a2a+json', 'application/a2a+json'],
  ])('a 202 with the type %s reaches the caller as %s', async (type, expected) => {
    answer = () =>
      new Response('<script>alert(1)</script>', {
        status: 202,
        headers: type === undefined ? {} : { 'content-type': type },
      })
    const response = await h.fetchRaw(`/workspaces/${scripted}/a2a`, { method: 'POST', json: askRegion() })
    expect(response.headers.get('content-type')).toBe(expected)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test.each<[string, number, string, string]>([
    ['JSON', 200, 'application/json', '{"jsonrpc":"2.0","id":1,"result":{"a":1.0}}'],
    ['JSON with spaces', 200, 'application/json; charset=utf-8', '{ "b" : 9007199254740993 }'],
    [
      'a JSON-RPC error',
      200,
      'application/json',
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"x","data":{"y":1}}}',
    ],
    [
      'a JSON-RPC error with a bad status',
      500,
      'application/json',
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32009,"message":"x"}}',
    ],
    ['A2A JSON', 200, 'application/a2a+json', '{}'],
  ])('a response of %s is returned unchanged', async (_what, status, type, body) => {
    answer = () =>
      new Response(body, {
        status,
        headers: { 'content-type': type, 'a2a-extensions': 'https://example.com/x' },
      })
    const response = await h.fetchRaw(`/workspaces/${scripted}/a2a`, {
      method: 'POST',
      json: { method: 'x', jsonrpc: '2.0' },
    })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('a2a-extensions')).toBe('https://example.com/x')
    expect(await response.text()).toBe(body)
  })

  test('a stream is passed on event by event, and lives as long as comments arrive', async () => {
    let push: (text: string) => void = () => {}
    let end: () => void = () => {}
    answer = () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          push = (text) => controller.enqueue(new TextEncoder().encode(text))
          end = () => controller.close()
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }
    const response = await h.fetchRaw(`/workspaces/${scripted}/a2a`, {
      method: 'POST',
      json: { ...askRegion(), method: 'message/stream' },
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('x-accel-buffering')).toBe('no')
    const reader = response.body!.getReader()
    const next = async () => new TextDecoder().decode((await reader.read()).value)
    push('data: {"n":1}\r\n\r\n')
    expect(await next()).toBe('data: {"n":1}\r\n\r\n')
    for (let comments = 0; comments < 3; comments++) {
      await delay(600)
      push(': still here\n\n')
      expect(await next()).toBe(': still here\n\n')
    }
    end()
    expect((await reader.read()).done).toBe(true)
  })

  test('the sample agent streams its response', async () => {
    const response = await h.fetchRaw(`/workspaces/${sample}/a2a`, {
      method: 'POST',
      json: {
        jsonrpc: '2.0',
        id: 's',
        method: 'message/stream',
        params: { message: { role: 'user', parts: [{ kind: 'text', text: 'stream 3' }] } },
      },
    })
    const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('data:'))
    expect(events.length).toBeGreaterThan(3)
    for (const event of events) expect(JSON.parse(event.slice(5))).toMatchObject({ jsonrpc: '2.0', id: 's' })
  })

  test('a stream ends at the agent when the caller closes it', async () => {
    const closed = Promise.withResolvers<void>()
    answer = () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode('data: {}\n\n')),
          cancel: () => closed.resolve(),
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      )
    const response = await h.fetchRaw(`/workspaces/${scripted}/a2a`, { method: 'POST', json: askRegion() })
    const reader = response.body!.getReader()
    await reader.read()
    await reader.cancel()
    await closed.promise
  })
})

describe('errors', () => {
  type Failure = { jsonrpc: string; id: unknown; error: { code: number; message: string; data: Json } }

  test.each<[string, () => Response | Promise<Response>, number, string, string]>([
    [
      'a page of HTML',
      () => new Response('<h1>hello</h1>', { headers: { 'content-type': 'text/html' } }),
      502,
      'INVALID_AGENT_RESPONSE',
      'unknown',
    ],
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/' } }),
      502,
      'INVALID_AGENT_RESPONSE',
      'unknown',
    ],
    [
      'an HTML 500 with file paths',
      () => new Response('Error at /app/x.js', { status: 500, headers: { 'content-type': 'text/html' } }),
      502,
      'AGENT_HTTP_ERROR',
      'unknown',
    ],
    [
      'an HTML 413',
      () => new Response('too large', { status: 413, headers: { 'content-type': 'text/html' } }),
      413,
      'AGENT_HTTP_ERROR',
      'no',
    ],
    [
      'a 401',
      () => Response.json({ error: 'unauthorized' }, { status: 401 }),
      502,
      'AGENT_HTTP_ERROR',
      'unknown',
    ],
    ['no response', () => new Promise(() => {}), 504, 'AGENT_TIMEOUT', 'unknown'],
  ])(
    "an agent that answers with %s causes an error with the caller's id",
    async (_what, misbehave, status, reason, delivered) => {
      answer = misbehave
      const { status: got, body } = await send<Failure>(scripted, { json: askRegion(0) })
      expect(got).toBe(status)
      expect(body).toMatchObject({ jsonrpc: '2.0', id: 0, error: { data: { reason, delivered } } })
      expect(JSON.stringify(body)).not.toContain('/app/x.js')
    },
  )

  test('a redirect of the agent is not followed', async () => {
    answer = () => new Response(null, { status: 307, headers: { location: 'http://internal.test/' } })
    await send(scripted, { json: askRegion() })
    expect(h.outgoing.some(({ url }) => url.startsWith('http://internal.test'))).toBe(false)
  })

  test.each([[0], [''], ['1'], [1], [null], ['ü'], [-1.5]])(
    'an error returns the request id unchanged: %j',
    async (id) => {
      const { body } = await send<Failure>(crypto.randomUUID(), { json: askRegion(id) })
      expect(body.id).toBe(id)
    },
  )

  test('a caller of A2A 1.0 gets error details in the format of 1.0', async () => {
    const { body } = await send<Failure>(crypto.randomUUID(), {
      json: { jsonrpc: '2.0', id: 1, method: 'SendMessage', params: {} },
    })
    expect(body.error.data).toEqual([
      {
        '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
        reason: 'WORKSPACE_NOT_FOUND',
        domain: expect.any(String),
        metadata: { delivered: 'no' },
      },
    ])
  })

  test('a message to an unknown workspace or an invalid id is 404', async () => {
    for (const id of [crypto.randomUUID(), 'nonsense']) {
      const { status, body } = await send<Failure>(id, { json: askRegion() })
      expect(status).toBe(404)
      expect(body.error.data).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' })
    }
  })

  test('a message to a workspace that is being provisioned is 503 with a Retry-After', async () => {
    h.emulator.faults.add({ kind: 'port-closed', app: 'test-app' })
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'slow' },
    })
    const refused = await send<Failure>(body.id, { json: askRegion(), headers: { prefer: 'wait=0' } })
    for (const { id } of h.emulator.faults.list()) h.emulator.faults.remove(id)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(refused.body.error.data).toMatchObject({
      reason: 'WORKSPACE_STARTING',
      status: 'provisioning',
      delivered: 'no',
    })
    await h.request(`/workspaces/${body.id}`, { method: 'DELETE' })
    const removed = await send<Failure>(body.id, { json: askRegion() })
    expect(removed.status).toBe(410)
    expect(removed.body.error.data).toMatchObject({ reason: 'WORKSPACE_REMOVED' })
  })

  test('a body over the limit is 413, and a content type that browser forms can send is 415', async () => {
    const large = await send<Failure>(scripted, { json: { ...askRegion(), filler: 'x'.repeat(20_000) } })
    expect(large.status).toBe(413)
    const page = await send<Failure>(scripted, {
      body: JSON.stringify(askRegion()),
      headers: { 'content-type': 'text/plain' },
    })
    expect(page.status).toBe(415)
    expect(seen).toEqual([])
  })

  test('GET on the A2A URL is refused with the allowed method', async () => {
    const { status, headers } = await h.request(`/workspaces/${scripted}/a2a`)
    expect(status).toBe(405)
    expect(headers.get('allow')).toBe('POST')
  })

  test('the A2A URL works with and without a trailing slash', async () => {
    expect((await send(sample, { json: askRegion() }, '/')).status).toBe(200)
  })
})
