// The road every message takes, from the caller's side and, through an agent that writes down what reaches it, from the
// agent's.
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'
import { IN_WORKERD } from '../support/test-target.ts'

type Seen = { method: string; path: string; headers: Headers; body: string }

const seen: Seen[] = []
let answer: (request: Request) => Response | Promise<Response> = () => Response.json({})

/** Answers whatever the test says, and remembers what it was asked. */
const scripted: Program = async (machine) => {
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
let puppet: string
beforeAll(async () => {
  h = await createHarness({
    programs: { 'ghcr.io/molecule-ai/scripted': scripted },
    env: { A2A_SILENCE_SECONDS: '1', A2A_MAX_BODY_BYTES: '20000' },
  })
  sample = (await h.createWorkspace({ name: 'sample' })).id
  puppet = (await h.createWorkspace({ name: 'puppet', image: 'ghcr.io/molecule-ai/scripted' })).id
})
afterAll(() => h.close())
beforeEach(() => {
  seen.length = 0
  answer = () => Response.json({ jsonrpc: '2.0', id: 1, result: {} })
})

const send = <Body = Json>(id: string, init: RequestInit & { json?: unknown }, suffix = '') =>
  h.request<Body>(`/workspaces/${id}/a2a${suffix}`, { method: 'POST', ...init })

describe('a message', () => {
  test("as the tutorial writes it is answered with the agent's region and the caller's id", async () => {
    const { status, body } = await send<{ id: unknown; result: Json & { parts: Json[] } }>(sample, {
      json: askRegion('1'),
    })
    expect(status).toBe(200)
    expect(body.id).toBe('1')
    expect(body.result).toMatchObject({
      kind: 'message',
      role: 'agent',
      parts: [{ kind: 'text', text: 'ord' }],
    })
  })

  test('gets the messageId and kind it lacks, and nothing else', async () => {
    await send(puppet, { json: askRegion(7) })
    const message = { role: 'user', parts: [{ kind: 'text', text: 'What region are you running in?' }] }
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      jsonrpc: '2.0',
      id: 7,
      method: 'message/send',
      params: {
        message: { ...message, kind: 'message', messageId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      },
    })
  })

  test('without a frame gets one, and parts that say type get kind', async () => {
    await send(puppet, {
      json: {
        method: 'message/send',
        params: {
          message: { role: 'user', messageId: 'm', kind: 'message', parts: [{ type: 'text', text: 'hi' }] },
        },
      },
    })
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      jsonrpc: '2.0',
      id: expect.any(String),
      method: 'message/send',
      params: {
        message: {
          role: 'user',
          messageId: 'm',
          kind: 'message',
          parts: [{ kind: 'text', type: 'text', text: 'hi' }],
        },
      },
    })
  })

  test.each([
    [
      'of the 1.0 dialect',
      '{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"role":"ROLE_USER","parts":[{"text":"hi"}]}}}',
    ],
    [
      'that is complete',
      '{ "jsonrpc": "2.0", "id": 1.0, "method":"message/send","params":{"message":{"kind":"message","messageId":"m","role":"user","parts":[{"kind":"text","text":"é"}]}}}',
    ],
    [
      'with wrong values',
      '{"jsonrpc":"2.0","id":1,"method":"message/send","params":{"message":{"kind":7,"messageId":null,"parts":5}}}',
    ],
    ['of an unknown method', '{"jsonrpc":"2.0","id":"x","method":"rpc.discover"}'],
    ['that is a batch', '[{"jsonrpc":"2.0","id":1,"method":"message/send","params":{"message":{}}}]'],
    ['that is not JSON', '{"jsonrpc": '],
    ['that is a number', '5'],
    ['that is nothing', ''],
  ])('%s reaches the agent byte for byte', async (_what, body) => {
    await send(puppet, { body, headers: { 'content-type': 'application/json' } })
    expect(seen[0]?.body).toBe(body)
  })

  test('keeps numbers that JavaScript cannot hold when something had to be added', async () => {
    const body =
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"message/send","params":{"message":{"role":"user","parts":[],"metadata":{"n":1.0}}}}'
    await send(puppet, { body, headers: { 'content-type': 'application/json' } })
    expect(seen[0]?.body).toContain('"id":9007199254740993')
    expect(seen[0]?.body).toContain('"n":1.0')
  })

  test('of any JSON that needs nothing arrives as it was sent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (body) => {
        seen.length = 0
        await send(puppet, { body, headers: { 'content-type': 'application/json' } })
        expect(seen[0]?.body).toBe(body)
      }),
      { numRuns: 50 },
    )
  })
})

describe('an answer', () => {
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
  ])('of %s comes back as it was', async (_what, status, type, body) => {
    answer = () =>
      new Response(body, {
        status,
        headers: { 'content-type': type, 'a2a-extensions': 'https://example.com/x' },
      })
    const response = await h.fetchRaw(`/workspaces/${puppet}/a2a`, {
      method: 'POST',
      json: { method: 'x', jsonrpc: '2.0' },
    })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('a2a-extensions')).toBe('https://example.com/x')
    expect(await response.text()).toBe(body)
  })

  test('that streams is passed on event by event, and quiet ones may be long', async () => {
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
    const response = await h.fetchRaw(`/workspaces/${puppet}/a2a`, {
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
      await new Promise((done) => setTimeout(done, 600))
      push(': still here\n\n')
      expect(await next()).toBe(': still here\n\n')
    }
    end()
    expect((await reader.read()).done).toBe(true)
  })

  test('of the sample agent streams too', async () => {
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

  test('whose caller hangs up ends at the agent as well', async () => {
    const closed = Promise.withResolvers<void>()
    answer = () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode('data: {}\n\n')),
          cancel: () => closed.resolve(),
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      )
    const response = await h.fetchRaw(`/workspaces/${puppet}/a2a`, { method: 'POST', json: askRegion() })
    const reader = response.body!.getReader()
    await reader.read()
    await reader.cancel()
    await closed.promise
  })
})

describe('headers', () => {
  test('of A2A and tracing pass; credentials, cookies and whatever steers a proxy do not', async () => {
    await send(puppet, {
      json: askRegion(),
      headers: {
        'a2a-version': '1.0',
        'a2a-extensions': 'https://example.com/a',
        'x-a2a-extensions': 'https://example.com/b',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        'last-event-id': '7',
        'x-custom': 'kept',
        connection: 'close, x-hop',
        'x-hop': 'dropped',
        cookie: 'a=b',
        'x-workspace-id': puppet,
        'fly-force-instance-id': '00000000000000',
        'fly-prefer-region': 'fra',
        'x-forwarded-for': '1.2.3.4',
      },
    })
    const { headers } = seen[0]!
    expect(headers.get('a2a-version')).toBe('1.0')
    expect(headers.get('a2a-extensions')).toBe('https://example.com/a')
    expect(headers.get('x-a2a-extensions')).toBe('https://example.com/b')
    expect(headers.get('traceparent')).toMatch(/^00-4bf9/)
    expect(headers.get('last-event-id')).toBe('7')
    expect(headers.get('x-custom')).toBe('kept')
    // On Workers, `connection` and what it names end at Cloudflare; workerd alone takes `connection` away and nothing else.
    const hop = IN_WORKERD ? [] : ['x-hop']
    for (const gone of [...hop, 'cookie', 'x-workspace-id', 'fly-prefer-region']) {
      expect([gone, headers.get(gone)]).toEqual([gone, null])
    }
    expect(headers.get('x-forwarded-for')).not.toContain('1.2.3.4')
  })

  test('of the answer lose what would steer the caller or its proxies', async () => {
    answer = () =>
      Response.json(
        {},
        {
          headers: {
            'set-cookie': 'a=b',
            server: 'agent',
            'access-control-allow-origin': '*',
            'x-kept': 'yes',
            'retry-after': '3',
          },
        },
      )
    const { headers } = await send(puppet, { json: askRegion() })
    for (const gone of ['set-cookie', 'server', 'access-control-allow-origin', 'fly-request-id', 'via'])
      expect([gone, headers.get(gone)]).toEqual([gone, null])
    expect(headers.get('x-kept')).toBe('yes')
    expect(headers.get('retry-after')).toBe('3')
  })
})

describe('when the agent cannot answer', () => {
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
      'a 401 of its own',
      () => Response.json({ error: 'unauthorized' }, { status: 401 }),
      502,
      'AGENT_HTTP_ERROR',
      'unknown',
    ],
    ['silence', () => new Promise(() => {}), 504, 'AGENT_TIMEOUT', 'unknown'],
  ])(
    'because of %s, says so with the id of the caller',
    async (_what, misbehave, status, reason, delivered) => {
      answer = misbehave
      const { status: got, body } = await send<Failure>(puppet, { json: askRegion(0) })
      expect(got).toBe(status)
      expect(body).toMatchObject({ jsonrpc: '2.0', id: 0, error: { data: { reason, delivered } } })
      expect(JSON.stringify(body)).not.toContain('/app/x.js')
    },
  )

  test('a redirect is not followed', async () => {
    answer = () => new Response(null, { status: 307, headers: { location: 'http://internal.test/' } })
    await send(puppet, { json: askRegion() })
    expect(h.outgoing.some(({ url }) => url.startsWith('http://internal.test'))).toBe(false)
  })

  test.each([[0], [''], ['1'], [1], [null], ['ü'], [-1.5]])('the id %j comes back as it is', async (id) => {
    const { body } = await send<Failure>(crypto.randomUUID(), { json: askRegion(id) })
    expect(body.id).toBe(id)
  })

  test('a 1.0 caller gets the details as 1.0 reads them', async () => {
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

  test('an unknown workspace, and an id that is none, are 404', async () => {
    for (const id of [crypto.randomUUID(), 'nonsense']) {
      const { status, body } = await send<Failure>(id, { json: askRegion() })
      expect(status).toBe(404)
      expect(body.error.data).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' })
    }
  })

  test('a workspace that is being provisioned is 503 with a time to come back', async () => {
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
    const gone = await send<Failure>(body.id, { json: askRegion() })
    expect(gone.status).toBe(410)
    expect(gone.body.error.data).toMatchObject({ reason: 'WORKSPACE_REMOVED' })
  })

  test('a body over the limit is 413, and a type that pages can send is 415', async () => {
    const large = await send<Failure>(puppet, { json: { ...askRegion(), filler: 'x'.repeat(20_000) } })
    expect(large.status).toBe(413)
    const page = await send<Failure>(puppet, {
      body: JSON.stringify(askRegion()),
      headers: { 'content-type': 'text/plain' },
    })
    expect(page.status).toBe(415)
    expect(seen).toEqual([])
  })

  test('GET on the door says what it is for', async () => {
    const { status, headers } = await h.request(`/workspaces/${puppet}/a2a`)
    expect(status).toBe(405)
    expect(headers.get('allow')).toBe('POST')
  })

  test('both spellings of the door are the same', async () => {
    expect((await send(sample, { json: askRegion() }, '/')).status).toBe(200)
  })
})
