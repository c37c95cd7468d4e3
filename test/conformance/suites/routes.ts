// What is different by design at the door itself (a2a.md §3.1, §3.11): its spellings, the methods that are ours to answer,
// and what an agent cannot say through us.
import { describe, expect, test } from 'vitest'
import { CASE, type Heard, type Script } from '../agents/scripted-agent.ts'
import { expectSame, show } from '../support/compare.ts'
import { request, V0_3, V1_0 } from '../support/dialect.ts'
import type { Stage } from '../support/fixture.ts'
import { type Answer, call, headerOf, jsonOf } from '../support/raw-http.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

export function doors(stage: Stage): void {
  test.each(['v1.0', 'v0.3'] as const)(
    'both spellings of the address of %s answer the same',
    async (role) => {
      const [, road] = stage.roads(role)
      const body = request(V0_3, 'get', { id: 'nobody' })
      const sent = { method: 'POST', headers: { ...road.headers, 'content-type': 'application/json' } }
      const ask = (path: string) => call(road.origin, path, { ...sent, body: JSON.stringify(body) })
      const [with_, without] = [await ask(`${road.paths.jsonRpc}/`), await ask(road.paths.jsonRpc)]
      expect(show(road, [with_])).toEqual(show(road, [without]))
      expect(jsonOf(with_)).toMatchObject({ error: { code: -32001 } })
    },
  )

  test('GET on the JSON-RPC route answers 405 and allows POST', async () => {
    const [, { headers, origin, paths }] = stage.roads('v1.0')
    const answer = await call(origin, paths.jsonRpc, { headers })
    expect([answer.status, headerOf(answer, 'allow')]).toEqual([405, 'POST'])
  })

  test('a caller without a credential gets an error with its id, in its protocol version', async () => {
    const [, { origin, paths }] = stage.roads('v1.0')
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
    'an error of ours carries the id %s',
    async (id) => {
      const [, { origin, paths }] = stage.roads('v1.0')
      const headers = { 'content-type': 'application/json' }
      const body = `{"jsonrpc":"2.0","id":${id},"method":"tasks/get","params":{}}`
      const answer = await call(origin, paths.jsonRpc, { method: 'POST', headers, body })
      expect(answer.status).toBe(401)
      const [, carried] = /"id":(.*?),"error"/.exec(String(answer.body)) ?? []
      // Strings may be spelled in other ways.
      if (id.startsWith('"')) expect(JSON.parse(carried ?? '')).toBe(JSON.parse(id))
      else expect(carried).toBe(id)
    },
  )

  test.each(['', '{', '[]', '{"jsonrpc":"2.0","method":"tasks/get"}', '{"id":{"a":1},"method":"x"}'])(
    'an error of ours about %j has no id to carry',
    async (body) => {
      const [, { origin, paths }] = stage.roads('v1.0')
      const headers = { 'content-type': 'application/json' }
      const answer = await call(origin, paths.jsonRpc, { method: 'POST', headers, body })
      expect(answer.status).toBe(401)
      expect(jsonOf(answer)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32000 } })
    },
  )

  describe('an agent behind the proxy', () => {
    const play = async (name: string, script: Omit<Script, 'chunks'> & { body: string }): Promise<Answer> => {
      stage.puppet.play(name, { ...script, chunks: [bytes(script.body)] })
      const [, proxied] = stage.roads('puppet')
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
    ])('that shows a web page with %i is spoken for with %i', async (status, ours, reason) => {
      const headers = { 'content-type': 'text/html' }
      const answer = await play(`page ${status}`, { status, headers, body: '<h1>at /secret/path</h1>' })
      expect([answer.status, headerOf(answer, 'content-type')]).toEqual([ours, 'application/json'])
      expect(jsonOf(answer)).toMatchObject({ id: `page ${status}`, error: { data: { reason } } })
      expect(String(answer.body)).not.toContain('secret')
    })

    test('an agent cannot set cookies, steer the Fly Proxy or allow web origins', async () => {
      const headers = {
        ...json,
        'set-cookie': 'a=b',
        'fly-replay': 'instance=other',
        'access-control-allow-origin': '*',
        'strict-transport-security': 'max-age=1',
        'alt-svc': 'h3=":443"',
        'x-of-the-agent': 'stays',
      }
      const answer = await play('steers', {
        status: 200,
        headers,
        body: '{"jsonrpc":"2.0","id":1,"result":{}}',
      })
      const names = answer.headers.map(([name]) => name)
      expect(names).toContain('x-of-the-agent')
      for (const name of Object.keys(headers).slice(1, -1)) expect(names).not.toContain(name)
    })
  })

  describe('a caller of the proxy', () => {
    test("a caller's headers reach the agent, without credentials and without the platform's own", async () => {
      const [direct, proxied] = stage.roads('puppet')
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
      const kept = async (road: typeof direct) => {
        const heard = jsonOf(await road.rpc(request(V1_0, 'get', {}), words)) as { result: Heard }
        return heard.result.headers.filter(([name]) => Object.hasOwn(words, name))
      }
      expect(await kept(direct)).toHaveLength(Object.keys(words).length)
      expect(await kept(proxied)).toEqual(await kept(direct))
    })

    test.each([
      ['text/plain', 'what is no JSON by its own account'],
      ['application/json', 'what is no message of 0.3'],
    ])('of %s finds %s untouched', async (type) => {
      const body =
        type === 'text/plain'
          ? '{"method":"message/send","params":{"message":{}}}'
          : '{ "jsonrpc":"2.0", "method":"SendMessage","params":{"message":{"parts":[{"text":"x"}]}}}'
      const [, proxied] = stage.roads('puppet')
      const { result } = jsonOf(await proxied.rpc(body, { 'content-type': type })) as { result: Heard }
      expect(Buffer.from(result.body, 'base64').toString()).toBe(body)
    })

    test('a deeply nested message passes', async () => {
      const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
      const body = `{"jsonrpc":"2.0","id":1,"method":"message/send","params":{"message":{"metadata":${deep}}}}`
      const [direct, proxied] = stage.roads('puppet')
      const [measure, answer] = [await direct.rpc(body), await proxied.rpc(body)]
      const bodyOf = (heard: Answer) => (jsonOf(heard) as { result: Heard }).result.body
      expect(answer.status).toBe(200)
      expect(bodyOf(answer) === bodyOf(measure)).toBe(true)
    })

    test('a caller cannot choose a machine, impersonate another caller or pass its credential on', async () => {
      const [, proxied] = stage.roads('puppet')
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
      const { result } = jsonOf(answer) as { result: Heard }
      const names = result.headers.map(([name]) => name)
      for (const name of ['cookie', 'fly-prefer-instance-id', 'fly-replay-src', 'cf-connecting-ip']) {
        expect(names).not.toContain(name)
      }
      for (const name of ['x-forwarded-host', 'forwarded', 'proxy-authorization', 'x-hop', 'te']) {
        expect(names).not.toContain(name)
      }
      expect(JSON.stringify(result.headers)).not.toContain(stage.place.token)
    })

    test('a notification gets an empty answer', async () => {
      for (const status of [202, 204]) {
        const name = `silent ${status}`
        stage.puppet.play(name, { status, headers: {}, chunks: [] })
        const answers = await expectSame(stage.roads('puppet'), async (road) => [
          await road.rpc({ jsonrpc: '2.0', method: 'notify' }, { [CASE]: name }),
        ])
        expect(answers.map((answer) => answer.status)).toEqual([status])
      }
    })
  })
}
