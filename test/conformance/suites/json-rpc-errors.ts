// Requests that an agent refuses or cannot parse: the proxy passes its answer on unchanged, unless it is a web page.
import { describe, expect, test } from 'vitest'
import { expectSame } from '../support/compare.ts'
import { request, V0_3, V1_0 } from '../support/dialect.ts'
import { summarize } from '../support/summarize.ts'
import type { Role, Fixture } from '../support/fixture.ts'
import { call, headerOf, jsonOf } from '../support/raw-http.ts'

const AGENTS: Role[] = ['v1.0', 'v0.3']

const get = (id: unknown) => ({ jsonrpc: '2.0', id, method: 'tasks/get', params: { id: 'unknown' } })

/** Name, body, and the error codes of both agents (1.0 first). The requests carry no version header. */
const REFUSED: [what: string, body: object | string, summaries: [string, string]][] = [
  ['an unknown method', { ...get(1), method: 'tasks/unknown' }, ['-32601', '-32601']],
  ['a method that A2A has removed', { ...get(1), method: 'tasks/send' }, ['-32601', '-32601']],
  ['a 1.0 method without the version header', request(V1_0, 'get', { id: 'unknown' }), ['-32601', '-32601']],
  ['no params', { ...get(1), params: undefined }, ['-32602', '-32602']],
  ['params that are a list', { ...get(1), params: ['unknown'] }, ['-32602', '-32602']],
  ['params with an empty name', { ...get(1), params: { '': 1 } }, ['-32602', '-32602']],
  ['a message that is null', request(V0_3, 'send', { message: null }), ['-32602', '-32603']],
  [
    'a messageId that is empty',
    request(V0_3, 'send', { message: { kind: 'message', messageId: '', role: 'user', parts: [] } }),
    ['-32602', '-32602'],
  ],
  ['no method', { jsonrpc: '2.0', id: 1, params: {} }, ['-32600', '-32600']],
  ['a method that is a number', { ...get(1), method: 7 }, ['-32600', '-32600']],
  ['another version of JSON-RPC', { ...get(1), jsonrpc: '1.0' }, ['-32600', '-32600']],
  ['an id that is a fraction', { ...get(1.5) }, ['-32600', '-32600']],
  ['an id that is an object', { ...get({ a: 1 }) }, ['-32600', '-32600']],
  ['an empty object', {}, ['-32600', '-32600']],
  ['an empty batch', '[]', ['-32600', '-32600']],
  ['a batch of one', JSON.stringify([get(1)]), ['-32600', '-32600']],
  ['a batch of three', JSON.stringify([get(1), get(2), get(null)]), ['-32600', '-32600']],
  ['a batch of numbers', '[1,2]', ['-32600', '-32600']],
  ['a string', '"tasks/get"', ['-32700', '-32700']],
  ['a number', '5', ['-32700', '-32700']],
  ['null', 'null', ['-32700', '-32700']],
  ['a truncated request', '{"jsonrpc":"2.0","id":1,"method":"tasks/g', ['-32700', '-32700']],
  ['no JSON', 'jsonrpc=2.0&method=tasks/get', ['-32700', '-32700']],
]

export function jsonRpcErrors(fixture: Fixture): void {
  describe.each(AGENTS)('%s', (role) => {
    const line = AGENTS.indexOf(role)

    test.each(REFUSED)("the agent's refusal passes unchanged: %s", async (_, body, summaries) => {
      const answers = await expectSame(fixture.targets(role), async (target) => [await target.rpc(body)])
      expect(answers.map(summarize)).toEqual([summaries[line]])
    })

    test('an empty body is answered as the SDK answers it', async () => {
      const [answer] = await expectSame(fixture.targets(role), async (target) => [await target.rpc('')])
      expect(answer && jsonOf(answer)).toMatchObject({ error: { code: expect.any(Number) } })
    })

    test.each(['text/plain', 'application/a2a+json', 'application/x-www-form-urlencoded', 'nonsense'])(
      "the agent's refusal of the content type %s passes unchanged",
      async (type) => {
        const answers = await expectSame(fixture.targets(role), async (target) => [
          await target.rpc(get(1), { 'content-type': type }),
        ])
        expect(answers.map(summarize)).toEqual([role === 'v1.0' ? '-32005' : '-32700'])
      },
    )

    test.each([
      [0],
      [''],
      ['0'],
      [null],
      [-1],
      [4_503_599_627_370_497],
      ['x'.repeat(5_000)],
      ['é漢🛰️\u0000\u2028"\\'],
    ])('the id %j reaches the agent and comes back', async (id) => {
      const [answer] = await expectSame(fixture.targets(role), async (target) => [await target.rpc(get(id))])
      expect(answer && jsonOf(answer)).toMatchObject({ id, error: { code: -32001 } })
    })

    test.each([
      ['above what a double holds', '9007199254740993'],
      ['in another spelling', '1.0'],
      ['with an exponent', '1e3'],
      ['twice', '1,"id":2'],
    ])('an id %s reaches the agent as it was written', async (_, id) => {
      const body = `{"jsonrpc":"2.0","id":${id},"method":"tasks/get","params":{"id":"unknown"}}`
      const answers = await expectSame(fixture.targets(role), async (target) => [await target.rpc(body)])
      expect(answers.map(summarize)).toEqual(['-32001'])
    })

    test('a request without an id is answered as the SDK answers it', async () => {
      const { id: _, ...notification } = get(1)
      await expectSame(fixture.targets(role), async (target) => [
        await target.rpc(notification),
        await target.rpc({ ...notification, method: 'tasks/unknown' }),
      ])
    })

    test.each(['9.9', '0.3', '1.0', '1.0.1', '', 'x'])(
      'A2A-Version %j gets the answer of the agent',
      async (version) => {
        const [answer] = await expectSame(fixture.targets(role), async (target) => [
          await target.rpc(get(0), { 'a2a-version': version }),
        ])
        if (role === 'v1.0' && version === '9.9') expect(answer && summarize(answer)).toBe('-32009')
        if (role === 'v1.0' && version === '1.0') expect(answer && summarize(answer)).toBe('-32601')
      },
    )

    test.each(['9.9', 'v1'])('A2A-Version %j in the query gets the answer of the agent', async (version) => {
      await expectSame(fixture.targets(role), async (target) => {
        const { headers, origin, paths } = target
        const path = `${paths.jsonRpc}?A2A-Version=${version}&x=%C3%A9`
        const sent = { 'content-type': 'application/json', ...headers }
        return [await call(origin, path, { method: 'POST', headers: sent, body: JSON.stringify(get(1)) })]
      })
    })

    test('an HTML answer to a body that is too large becomes a JSON-RPC error', async () => {
      const [direct, proxied] = fixture.targets(role)
      const body = request(V0_3, 'send', V0_3.send(V0_3.message('x'.repeat(200_000))), 'large')
      const page = await direct.rpc(body)
      expect([page.status, headerOf(page, 'content-type')]).toEqual([413, 'text/html; charset=utf-8'])
      const answer = await proxied.rpc(body)
      expect([answer.status, headerOf(answer, 'content-type')]).toEqual([413, 'application/json'])
      expect(jsonOf(answer)).toMatchObject({
        jsonrpc: '2.0',
        id: 'large',
        error: { code: -32603, data: { reason: 'AGENT_HTTP_ERROR', delivered: expect.any(String) } },
      })
      // Express puts file paths and a stack trace into the page.
      expect(String(answer.body)).not.toMatch(/node_modules|<|request entity/)
    })

    test('an HTML answer to an unknown charset becomes a JSON-RPC error', async () => {
      const [direct, proxied] = fixture.targets(role)
      const headers = { 'content-type': 'application/json; charset=klingon' }
      expect((await direct.rpc(get('k'), headers)).status).toBe(415)
      const answer = await proxied.rpc(get('k'), headers)
      expect(answer.status).toBe(415)
      expect(jsonOf(answer)).toMatchObject({ id: 'k', error: { data: { reason: 'AGENT_HTTP_ERROR' } } })
    })
  })
}
