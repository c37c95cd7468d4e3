// A2A responses through the proxy: what the caller gets from the agent.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { useA2aFixture } from '../support/a2a-fixture.ts'
import { askRegion, type Json } from '../support/harness.ts'

const a2a = useA2aFixture()

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
      a2a.answer = () => new Response(type === 'application/json' ? '{}' : 'data: {}\n\n', { headers })
      const response = await a2a.h.fetchRaw(`/workspaces/${a2a.scripted}/a2a`, {
        method: 'POST',
        json: askRegion(),
      })
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
    a2a.answer = () =>
      new Response('<script>alert(1)</script>', {
        status: 202,
        headers: type === undefined ? {} : { 'content-type': type },
      })
    const response = await a2a.h.fetchRaw(`/workspaces/${a2a.scripted}/a2a`, {
      method: 'POST',
      json: askRegion(),
    })
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
    a2a.answer = () =>
      new Response(body, {
        status,
        headers: { 'content-type': type, 'a2a-extensions': 'https://example.com/x' },
      })
    const response = await a2a.h.fetchRaw(`/workspaces/${a2a.scripted}/a2a`, {
      method: 'POST',
      json: { method: 'x', jsonrpc: '2.0' },
    })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('a2a-extensions')).toBe('https://example.com/x')
    expect(await response.text()).toBe(body)
  })

  test.each([
    ['a notification', { jsonrpc: '2.0', method: 'x' }, 200, undefined],
    ['a request with an id', { jsonrpc: '2.0', method: 'x', id: null }, 502, 'INVALID_AGENT_RESPONSE'],
  ])('an empty 200 to %s is passed on only if no answer is expected', async (_what, json, status, reason) => {
    for (const body of [null, ''])
      for (const headers of [
        {},
        { 'content-length': '0' },
        { 'content-length': '0', 'content-type': 'text/plain' },
      ]) {
        a2a.answer = () => new Response(body, { headers })
        const answer = await a2a.send<{ error?: { data: Json } } | undefined>(a2a.scripted, { json })
        expect([answer.status, answer.body?.error?.data['reason']]).toEqual([status, reason])
      }
  })

  test('a stream is passed on event by event, and lives as long as comments arrive', async () => {
    let push: (text: string) => void = () => {}
    let end: () => void = () => {}
    a2a.answer = () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          push = (text) => controller.enqueue(new TextEncoder().encode(text))
          end = () => controller.close()
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }
    const response = await a2a.h.fetchRaw(`/workspaces/${a2a.scripted}/a2a`, {
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
    const response = await a2a.h.fetchRaw(`/workspaces/${a2a.sample}/a2a`, {
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
    a2a.answer = () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode('data: {}\n\n')),
          cancel: () => closed.resolve(),
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      )
    const response = await a2a.h.fetchRaw(`/workspaces/${a2a.scripted}/a2a`, {
      method: 'POST',
      json: askRegion(),
    })
    const reader = response.body!.getReader()
    await reader.read()
    await reader.cancel()
    await closed.promise
  })
})
