// A2A requests through the proxy: what of the body and the headers reaches the agent.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { useA2aFixture } from '../support/a2a-fixture.ts'
import { askRegion, type Json } from '../support/harness.ts'
import { IN_WORKERD } from '../support/test-target.ts'

const a2a = useA2aFixture()

describe('request bodies', () => {
  test("the message of the tutorial is answered with the agent's region and the caller's id", async () => {
    const { status, body } = await a2a.send<{ id: unknown; result: Json & { parts: Json[] } }>(a2a.sample, {
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

  test('a message gets the messageId and kind that it lacks, and nothing else', async () => {
    await a2a.send(a2a.scripted, { json: askRegion(7) })
    const message = { role: 'user', parts: [{ kind: 'text', text: 'What region are you running in?' }] }
    expect(JSON.parse(a2a.seen[0]?.body ?? '')).toEqual({
      jsonrpc: '2.0',
      id: 7,
      method: 'message/send',
      params: {
        message: { ...message, kind: 'message', messageId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      },
    })
  })

  test('a message without a JSON-RPC envelope gets one, and parts with type get kind', async () => {
    await a2a.send(a2a.scripted, {
      json: {
        method: 'message/send',
        params: {
          message: { role: 'user', messageId: 'm', kind: 'message', parts: [{ type: 'text', text: 'hi' }] },
        },
      },
    })
    expect(JSON.parse(a2a.seen[0]?.body ?? '')).toEqual({
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
      'in the 1.0 dialect',
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
    ['with an unknown method', '{"jsonrpc":"2.0","id":"x","method":"rpc.discover"}'],
    ['that is a batch', '[{"jsonrpc":"2.0","id":1,"method":"message/send","params":{"message":{}}}]'],
    ['that is not JSON', '{"jsonrpc": '],
    ['that is a number', '5'],
    ['with an empty body', ''],
  ])('a request %s reaches the agent byte for byte', async (_what, body) => {
    await a2a.send(a2a.scripted, { body, headers: { 'content-type': 'application/json' } })
    expect(a2a.seen[0]?.body).toBe(body)
  })

  test('messages of a workspace that completes none arrive as they were sent, stored ones too', async () => {
    const set = (complete_messages: boolean) =>
      a2a.h.request(`/workspaces/${a2a.scripted}`, { method: 'PATCH', json: { complete_messages } })
    expect((await set(false)).body).toMatchObject({
      needs_restart: false,
      workspace: { complete_messages: false },
    })
    const bodies = [
      JSON.stringify(askRegion(7)),
      '{"method":"message/send","params":{"message":{"parts":[{"type":"text","text":"é"}]}}}',
    ]
    for (const body of bodies) {
      for (const headers of [{}, { prefer: 'respond-async' }]) {
        a2a.seen.length = 0
        await a2a.send(a2a.scripted, { body, headers: { 'content-type': 'application/json', ...headers } })
        await a2a.h.deliver()
        await expect.poll(() => a2a.seen.map((request) => request.body)).toEqual([body])
      }
    }
    await set(true)
    a2a.seen.length = 0
    await a2a.send(a2a.scripted, { json: askRegion(7) })
    expect(a2a.seen[0]?.body).toContain('"messageId"')
  })

  test('a completed message keeps numbers that JavaScript cannot represent', async () => {
    const body =
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"message/send","params":{"message":{"role":"user","parts":[],"metadata":{"n":1.0}}}}'
    await a2a.send(a2a.scripted, { body, headers: { 'content-type': 'application/json' } })
    expect(a2a.seen[0]?.body).toContain('"id":9007199254740993')
    expect(a2a.seen[0]?.body).toContain('"n":1.0')
  })

  test('any complete JSON arrives as it was sent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (body) => {
        a2a.seen.length = 0
        await a2a.send(a2a.scripted, { body, headers: { 'content-type': 'application/json' } })
        expect(a2a.seen[0]?.body).toBe(body)
      }),
      { numRuns: 50 },
    )
  })
})

describe('headers', () => {
  test('request headers of A2A and tracing are passed on, and credentials, cookies and proxy headers are not', async () => {
    await a2a.send(a2a.scripted, {
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
        'x-workspace-id': a2a.scripted,
        'fly-force-instance-id': '00000000000000',
        'fly-prefer-region': 'fra',
        'x-forwarded-for': '1.2.3.4',
      },
    })
    const { headers } = a2a.seen[0]!
    expect(headers.get('a2a-version')).toBe('1.0')
    expect(headers.get('a2a-extensions')).toBe('https://example.com/a')
    expect(headers.get('x-a2a-extensions')).toBe('https://example.com/b')
    expect(headers.get('traceparent')).toMatch(/^00-4bf9/)
    expect(headers.get('last-event-id')).toBe('7')
    expect(headers.get('x-custom')).toBe('kept')
    // On Workers, `connection` and what it names end at Cloudflare; workerd alone takes `connection` away and nothing else.
    const hop = IN_WORKERD ? [] : ['x-hop']
    for (const dropped of [...hop, 'cookie', 'x-workspace-id', 'fly-prefer-region']) {
      expect([dropped, headers.get(dropped)]).toEqual([dropped, null])
    }
    expect(headers.get('x-forwarded-for')).not.toContain('1.2.3.4')
  })

  test("a header of another spelling cannot pass for the platform's own", async () => {
    // WSGI and CGI servers read underscores as hyphens.
    const headers = {
      x_workspace_id: crypto.randomUUID(),
      fly_force_instance_id: 'x',
      X_Forwarded_For: '1.2.3.4',
    }
    await a2a.send(a2a.scripted, { json: askRegion(), headers })
    for (const name of Object.keys(headers))
      expect([name, a2a.seen[0]?.headers.get(name)]).toEqual([name, null])
  })

  test('headers named like members of every object are headers like others', async () => {
    const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf']
    const { status } = await a2a.send(a2a.scripted, {
      json: askRegion(),
      headers: Object.fromEntries(names.map((name) => [name, 'a value'])),
    })
    expect(status).toBe(200)
    for (const name of names) expect([name, a2a.seen[0]?.headers.get(name)]).toEqual([name, 'a value'])
  })

  test.each([
    '/..%2f..%2fadmin',
    '/%252e%252e/admin',
    '/tasks/..;x=1/admin',
    '/tasks/..%5c..%5cadmin',
    '//evil.example/x',
  ])('a request for %s never reaches the agent', async (tail) => {
    const { status } = await a2a.send(a2a.scripted, { json: {} }, tail)
    expect(status).toBe(404)
    expect(a2a.seen).toEqual([])
  })
})
