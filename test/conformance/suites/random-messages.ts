// Random requests, answers, streams and paths pass through the proxy unchanged. The one exception: the proxy adds the
// documented members to a message that lacks them.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CASE, type ReceivedRequest } from '../agents/scripted-agent.ts'
import { show } from '../support/compare.ts'
import { expectCompleted, lacksMembers } from '../support/injection.ts'
import { randomRequest, type RandomRequest } from '../support/random-requests.ts'
import { randomAnswer, randomStream, randomTail } from '../support/random-answers.ts'
import type { Target } from '../support/targets.ts'
import { timeoutMs, propertyOptions } from '../support/property-config.ts'
import type { Fixture } from '../support/fixture.ts'
import { type Answer, headerOf, jsonOf } from '../support/raw-http.ts'

const TYPES = ['application/json', 'application/json; charset=utf-8', 'application/a2a+json', 'text/plain']

export function random(fixture: Fixture): void {
  const received = async (target: Target, { body, headers }: RandomRequest): Promise<ReceivedRequest> => {
    const { result } = jsonOf(await target.rpc(body, headers)) as { result: ReceivedRequest }
    const kept = result.headers.filter(([name]) => Object.hasOwn(headers, name))
    return { ...result, headers: kept }
  }

  test(
    'random requests reach the agent as they are, or completed as documented',
    async () => {
      const [direct, proxied] = fixture.targets('scripted')
      await fc.assert(
        fc.asyncProperty(randomRequest(TYPES), async (request) => {
          const [expected, arrived] = [await received(direct, request), await received(proxied, request)]
          const sent = lacksMembers(request)
          expect({ ...arrived, body: '' }).toEqual({ ...expected, body: '' })
          if (sent === undefined) expect(arrived.body).toBe(expected.body)
          else expectCompleted(sent, Buffer.from(arrived.body, 'base64'))
        }),
        propertyOptions,
      )
    },
    timeoutMs,
  )

  test.each(['v1.0', 'v0.3'] as const)(
    'random requests are answered by %s as they would be directly',
    async (role) => {
      const [direct, proxied] = fixture.targets(role)
      await fc.assert(
        fc.asyncProperty(randomRequest(['application/json']), async (request) => {
          // The agent refuses what the proxy completes, so the answers differ.
          if (lacksMembers(request) !== undefined) return
          const { body, headers } = request
          const [expected, answer] = [await direct.rpc(body, headers), await proxied.rpc(body, headers)]
          if (isPage(expected)) expectReplacementError(answer, expected)
          else if (holdsCard(expected)) expect(answer.status).toBe(expected.status)
          else expect(show(proxied, [answer])).toEqual(show(direct, [expected]))
        }),
        propertyOptions,
      )
    },
    timeoutMs,
  )

  test(
    'random answers come back as they are',
    async () => {
      const [direct, proxied] = fixture.targets('scripted')
      let count = 0
      await fc.assert(
        fc.asyncProperty(randomAnswer, async (script) => {
          const name = `random ${count++}`
          fixture.scripted.play(name, script)
          const ask = (target: Target) => target.rpc({ jsonrpc: '2.0', id: 1, method: 'x' }, { [CASE]: name })
          const [expected, answer] = [await ask(direct), await ask(proxied)]
          expect(expected.body.equals(Buffer.concat(script.chunks))).toBe(true)
          expect(show(proxied, [answer])).toEqual(show(direct, [expected]))
        }),
        propertyOptions,
      )
    },
    timeoutMs,
  )

  test(
    'random streams, cut into random chunks, come back as they are',
    async () => {
      const [, proxied] = fixture.targets('scripted')
      let count = 0
      await fc.assert(
        fc.asyncProperty(randomStream, async (chunks) => {
          const name = `stream ${count++}`
          const headers = { 'content-type': 'text/event-stream; charset=utf-8' }
          fixture.scripted.play(name, { status: 200, headers, chunks })
          const answer = await proxied.rpc(
            { jsonrpc: '2.0', id: 1, method: 'message/stream' },
            { [CASE]: name },
          )
          expect(String(answer.body)).toBe(String(Buffer.concat(chunks)))
          expect(answer.body.equals(Buffer.concat(chunks))).toBe(true)
          expect(headerOf(answer, 'content-type')).toBe(headers['content-type'])
        }),
        propertyOptions,
      )
    },
    timeoutMs,
  )

  test(
    'random HTTP+JSON calls reach the agent with their raw path, query and body',
    async () => {
      const [direct, proxied] = fixture.targets('scripted')
      const anything = fc.record({
        method: fc.constantFrom('GET', 'POST', 'DELETE'),
        tail: randomTail,
        bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
      })
      await fc.assert(
        fc.asyncProperty(anything, async ({ bytes, method, tail }) => {
          const sent = method === 'POST' ? { body: bytes } : {}
          const ask = async (target: Target) =>
            (jsonOf(await target.rest(`${method} ${tail}`, sent)) as { result: ReceivedRequest }).result
          const [expected, arrived] = [await ask(direct), await ask(proxied)]
          expect([arrived.method, arrived.path, arrived.body]).toEqual([
            expected.method,
            expected.path,
            expected.body,
          ])
        }),
        propertyOptions,
      )
    },
    timeoutMs,
  )
}

const isPage = (answer: Answer) => !/json|event-stream/.test(headerOf(answer, 'content-type') ?? '')

/** The only result that the proxy changes. */
const holdsCard = (answer: Answer) => answer.body.includes('"defaultInputModes"')

function expectReplacementError(answer: Answer, page: Answer): void {
  expect(answer.status).toBe(page.status >= 500 || page.status === 401 ? 502 : page.status)
  expect(jsonOf(answer)).toMatchObject({ jsonrpc: '2.0', error: { code: -32603 } })
}
