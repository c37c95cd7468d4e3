// Differences from a direct connection that are intended (docs/facts/a2a.md §3.1, §3.11): the spellings of the route, the
// methods that the proxy answers itself, and the headers that it removes.
import { describe, expect, test } from 'vitest'
import { CASE, type ReceivedRequest, type Script } from '../agents/scripted-agent.ts'
import { expectSame, show } from '../support/compare.ts'
import { request, V0_3, V1_0 } from '../support/dialect.ts'
import type { Fixture } from '../support/fixture.ts'
import { type Answer, call, headerOf, jsonOf } from '../support/raw-http.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

export function routes(fixture: Fixture): void {
  test.each(['v1.0', 'v0.3'] as const)(
    'the address of %s works with and without a trailing slash',
    async (role) => {
      const [, target] = fixture.targets(role)
      const body = request(V0_3, 'get', { id: 'unknown' })
      const sent = { method: 'POST', headers: { ...target.headers, 'content-type': 'application/json' } }
      const ask = (path: string) => call(target.origin, path, { ...sent, body: JSON.stringify(body) })
      const [with_, without] = [await ask(`${target.paths.jsonRpc}/`), await ask(target.paths.jsonRpc)]
      expect(show(target, [with_])).toEqual(show(target, [without]))
      expect(jsonOf(with_)).toMatchObject({ error: { code: -32001 } })
    },
  )

  test('GET on the JSON-RPC route answers 405 and allows POST', async () => {
    const [, { headers, origin, paths }] = fixture.targets('v1.0')
    const answer = await call(origin, paths.jsonRpc, { headers })
    expect([answer.status, headerOf(answer, 'allow')]).toEqual([405, 'POST'])
  })

  test('a caller without a credential gets an error with its id, in its protocol version', async () => {
    const [, { origin, paths }] = fixture.targets('v1.0')
    const ask = async (body: object) => {
      const headers = { 'content-type': 'application/json' }
      return call(origin, paths.jsonRpc, { method: 'POST', headers, body: JSON.stringify(body) })
    }
    const older = await ask(request(V0_3, 'get', { id: 'x' }, 0))
    expect([older.status, headerOf(older, 'www-authenticate')]).toEqual([401, 'Bearer'])
    expect(jsonOf(older)).toMatchObject({
      id: 0,
      error: { code: -32000, data: { reason: 'UNAUTHENTICATED' } },
    })
    const newer = await ask(request(V1_0, 'get', { id: 'x' }, ''))
    expect(jsonOf(newer)).toMatchObject({
      id: '',
      error: { data: [{ '@type': expect.stringContaining('ErrorInfo'), reason: 'UNAUTHENTICATED' }] },
    })
  })

  test.each(['0', '-1', '""', '"1"', 'null', '9007199254740993', '"\\u00e9\\/"'])(
    'an error of the proxy carries the id %s',
    async (id) => {
      const [, { origin, paths }] = fixture.targets('v1.0')
      const headers = { 'content-type': 'application/json' }
      const body = `{"jsonrpc":"2.0","id":${id},"method":"tasks/get","params":{}}`
      const answer = await call(origin, paths.jsonRpc, { method: 'POST', headers, body })
      expect(answer.status).toBe(401)
      const [, carried] = /"id":(.*?),"error"/.exec(String(answer.body)) ?? []
      // A string may be escaped differently.
      if (id.startsWith('"')) expect(JSON.parse(carried ?? '')).toBe(JSON.parse(id))
      else expect(carried).toBe(id)
    },
  )

  test.each(['', '{', '[]', '{"jsonrpc":"2.0","method":"tasks/get"}', '{"id":{"a":1},"method":"x"}'])(
    'an error of the proxy for the body %j has the id null',
    async (body) => {
      const [, { origin, paths }] = fixture.targets('v1.0')
      const headers = { 'content-type': 'application/json' }
      const answer = await call(origin, paths.jsonRpc, { method: 'POST', headers, body })
      expect(answer.status).toBe(401)
      expect(jsonOf(answer)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32000 } })
    },
  )

  describe('an agent behind the proxy', () => {
    const play = async (name: string, script: Omit<Script, 'chunks'> & { body: string }): Promise<Answer> => {
      fixture.scripted.play(name, { ...script, chunks: [bytes(script.body)] })
      const [, proxied] = fixture.targets('scripted')
      return proxied.rpc(request(V0_3, 'get', { id: 'x' }, name), { [CASE]: name })
    }
    const json = { 'content-type': 'application/json' }

    test("an agent that refuses the platform's credential is reported as a platform error", async () => {
      const headers = { ...json, 'www-authenticate': 'Bearer realm="the agent"' }
      const answer = await play('refuses', { status: 401, headers, body: '{"error":"unauthorized"}' })
      expect(answer.status).toBe(502)
      expect(headerOf(answer, 'www-authenticate')).toBeUndefined()
      expect(jsonOf(answer)).toMatchObject({
        id: 'refuses',
        error: { code: -32603, data: { reason: 'AGENT_HTTP_ERROR', agent_status: '401' } },
      })
    })

    test.each([301, 302, 303, 307, 308])(
      "an agent's redirect with %i is not followed by the caller",
      async (status) => {
        const headers = { ...json, location: 'http://127.0.0.1:9/' }
        const answer = await play(`moves ${status}`, { status, headers, body: '{}' })
        expect(answer.status).toBe(502)
        expect(headerOf(answer, 'location')).toBeUndefined()
        expect(jsonOf(answer)).toMatchObject({ error: { data: { reason: 'INVALID_AGENT_RESPONSE' } } })
      },
    )

    test.each([
      [200, 502, 'INVALID_AGENT_RESPONSE'],
      [400, 400, 'AGENT_HTTP_ERROR'],
      [404, 404, 'AGENT_HTTP_ERROR'],
      [429, 429, 'AGENT_HTTP_ERROR'],
      [500, 502, 'AGENT_HTTP_ERROR'],
    ])(
      'a web page with status %i from the agent becomes a JSON-RPC error with status %i',
      async (status, ours, reason) => {
        const headers = { 'content-type': 'text/html' }
        const answer = await play(`page ${status}`, { status, headers, body: '<h1>at /secret/path</h1>' })
        expect([answer.status, headerOf(answer, 'content-type')]).toEqual([ours, 'application/json'])
        expect(jsonOf(answer)).toMatchObject({ id: `page ${status}`, error: { data: { reason } } })
        expect(String(answer.body)).not.toContain('secret')
      },
    )

    test('an agent cannot set cookies, steer proxies and browsers, or allow web origins', async () => {
      const headers = {
        ...json,
        'set-cookie': 'a=b',
        'fly-replay': 'instance=other',
        'access-control-allow-origin': '*',
        'strict-transport-security': 'max-age=1',
        'alt-svc': 'h3=":443"',
        'x-accel-redirect': '/internal/passwd',
        'x-sendfile': '/etc/passwd',
        refresh: '0; url=https://evil.example',
        'clear-site-data': '"*"',
        'service-worker-allowed': '/',
        'content-security-policy': 'default-src *',
        'cache-control': 'public, max-age=31536000',
        link: '</x>; rel=preload',
        'x-of-the-agent': 'is dropped too',
        'a2a-extensions': 'https://example.com/x',
      }
      const answer = await play('steers', {
        status: 200,
        headers,
        body: '{"jsonrpc":"2.0","id":1,"result":{}}',
      })
      const names = answer.headers.map(([name]) => name)
      expect(names).toContain('a2a-extensions')
      const dropped = Object.keys(headers).filter((name) => !/^(content-type|a2a-|cache-control)/.test(name))
      for (const name of dropped) expect(names).not.toContain(name)
      expect(headerOf(answer, 'cache-control')).toBe('no-store')
      expect(headerOf(answer, 'x-content-type-options')).toBe('nosniff')
    })
  })

  describe('a caller of the proxy', () => {
    test("a caller's headers reach the agent, without credentials and without the platform's own", async () => {
      const [direct, proxied] = fixture.targets('scripted')
      const words = {
        accept: 'application/json, text/event-stream;q=0.5',
        'accept-language': 'de, en;q=0.3',
        'a2a-version': '1.0',
        'a2a-extensions': 'https://example.com/a, https://example.com/b',
        'x-a2a-extensions': 'https://example.com/c',
        'content-type': 'application/json; profile="x"',
        'idempotency-key': 'k',
        'last-event-id': '7',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: 'a=b',
        baggage: 'c=d',
        'user-agent': 'conformance',
        'x-anything': 'of the caller',
      }
      const kept = async (target: typeof direct) => {
        const received = jsonOf(await target.rpc(request(V1_0, 'get', {}), words)) as {
          result: ReceivedRequest
        }
        return received.result.headers.filter(([name]) => Object.hasOwn(words, name))
      }
      expect(await kept(direct)).toHaveLength(Object.keys(words).length)
      expect(await kept(proxied)).toEqual(await kept(direct))
    })

    test.each([
      ['text/plain', 'its content type is not JSON'],
      ['application/json', 'its method is not of version 0.3'],
    ])('a body of type %s reaches the agent unchanged: %s', async (type) => {
      const body =
        type === 'text/plain'
          ? '{"method":"message/send","params":{"message":{}}}'
          : '{ "jsonrpc":"2.0", "method":"SendMessage","params":{"message":{"parts":[{"text":"x"}]}}}'
      const [, proxied] = fixture.targets('scripted')
      const { result } = jsonOf(await proxied.rpc(body, { 'content-type': type })) as {
        result: ReceivedRequest
      }
      expect(Buffer.from(result.body, 'base64').toString()).toBe(body)
    })

    test('a deeply nested message passes', async () => {
      const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
      const body = `{"jsonrpc":"2.0","id":1,"method":"message/send","params":{"message":{"kind":"message","messageId":"m","role":"user","parts":[],"metadata":${deep}}}}`
      const [direct, proxied] = fixture.targets('scripted')
      const [expected, answer] = [await direct.rpc(body), await proxied.rpc(body)]
      const bodyOf = (received: Answer) => (jsonOf(received) as { result: ReceivedRequest }).result.body
      expect(answer.status).toBe(200)
      expect(bodyOf(answer) === bodyOf(expected)).toBe(true)
    })

    test('a caller cannot choose a machine, impersonate another caller or pass its credential on', async () => {
      const [, proxied] = fixture.targets('scripted')
      const answer = await proxied.rpc(request(V1_0, 'get', {}), {
        cookie: 'session=1',
        'fly-prefer-instance-id': 'other',
        'fly-replay-src': 'other',
        'cf-connecting-ip': '1.2.3.4',
        'x-forwarded-host': 'evil.example',
        forwarded: 'for=1.2.3.4',
        'proxy-authorization': 'Basic eDp5',
        connection: 'x-hop',
        'x-hop': 'of this connection only',
        te: 'trailers',
      })
      const { result } = jsonOf(answer) as { result: ReceivedRequest }
      const names = result.headers.map(([name]) => name)
      for (const name of ['cookie', 'fly-prefer-instance-id', 'fly-replay-src', 'cf-connecting-ip']) {
        expect(names).not.toContain(name)
      }
      for (const name of ['x-forwarded-host', 'forwarded', 'proxy-authorization', 'x-hop', 'te']) {
        expect(names).not.toContain(name)
      }
      expect(JSON.stringify(result.headers)).not.toContain(fixture.controlPlane.token)
    })

    test('a notification gets an empty answer', async () => {
      for (const status of [202, 204]) {
        const name = `silent ${status}`
        fixture.scripted.play(name, { status, headers: {}, chunks: [] })
        const answers = await expectSame(fixture.targets('scripted'), async (target) => [
          await target.rpc({ jsonrpc: '2.0', method: 'notify' }, { [CASE]: name }),
        ])
        expect(answers.map((answer) => answer.status)).toEqual([status])
      }
    })
  })
}
