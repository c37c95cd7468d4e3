// Random requests, answers, streams and paths: whatever the bytes, they come out of us as they went in. The one exception is
// what we are documented to add to a message that lacks it.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CASE, type Heard } from '../agents/scripted-agent.ts'
import { show } from '../support/compare.ts'
import { expectCompleted, incomplete } from '../support/injection.ts'
import { randomRequest, type RandomRequest } from '../support/random-requests.ts'
import { randomAnswer, randomStream, randomTail } from '../support/random-answers.ts'
import type { Road } from '../support/targets.ts'
import { patience, runs } from '../support/property-config.ts'
import type { Stage } from '../support/fixture.ts'
import { type Answer, headerOf, jsonOf } from '../support/raw-http.ts'

const TYPES = ['application/json', 'application/json; charset=utf-8', 'application/a2a+json', 'text/plain']

export function random(stage: Stage): void {
  const heard = async (road: Road, { body, headers }: RandomRequest): Promise<Heard> => {
    const { result } = jsonOf(await road.rpc(body, headers)) as { result: Heard }
    const kept = result.headers.filter(([name]) => Object.hasOwn(headers, name))
    return { ...result, headers: kept }
  }

  test(
    'random requests reach the agent as they are, or completed as documented',
    async () => {
      const [direct, proxied] = stage.roads('puppet')
      await fc.assert(
        fc.asyncProperty(randomRequest(TYPES), async (request) => {
          const [measure, arrived] = [await heard(direct, request), await heard(proxied, request)]
          const sent = incomplete(request)
          expect({ ...arrived, body: '' }).toEqual({ ...measure, body: '' })
          if (sent === undefined) expect(arrived.body).toBe(measure.body)
          else expectCompleted(sent, Buffer.from(arrived.body, 'base64'))
        }),
        runs,
      )
    },
    patience,
  )

  test.each(['v1.0', 'v0.3'] as const)(
    'random requests are answered by %s as they would be directly',
    async (role) => {
      const [direct, proxied] = stage.roads(role)
      await fc.assert(
        fc.asyncProperty(randomRequest(['application/json']), async (request) => {
          // What we complete, the agent would have refused.
          if (incomplete(request) !== undefined) return
          const { body, headers } = request
          const [measure, answer] = [await direct.rpc(body, headers), await proxied.rpc(body, headers)]
          if (isPage(measure)) expectSpokenFor(answer, measure)
          else if (holdsCard(measure)) expect(answer.status).toBe(measure.status)
          else expect(show(proxied, [answer])).toEqual(show(direct, [measure]))
        }),
        runs,
      )
    },
    patience,
  )

  test(
    'random answers come back as they are',
    async () => {
      const [direct, proxied] = stage.roads('puppet')
      let count = 0
      await fc.assert(
        fc.asyncProperty(randomAnswer, async (script) => {
          const name = `random ${count++}`
          stage.puppet.play(name, script)
          const ask = (road: Road) => road.rpc({ jsonrpc: '2.0', id: 1, method: 'x' }, { [CASE]: name })
          const [measure, answer] = [await ask(direct), await ask(proxied)]
          expect(measure.body.equals(Buffer.concat(script.chunks))).toBe(true)
          expect(show(proxied, [answer])).toEqual(show(direct, [measure]))
        }),
        runs,
      )
    },
    patience,
  )

  test(
    'random streams, cut into random chunks, come back as they are',
    async () => {
      const [, proxied] = stage.roads('puppet')
      let count = 0
      await fc.assert(
        fc.asyncProperty(randomStream, async (chunks) => {
          const name = `stream ${count++}`
          const headers = { 'content-type': 'text/event-stream; charset=utf-8' }
          stage.puppet.play(name, { status: 200, headers, chunks })
          const answer = await proxied.rpc(
            { jsonrpc: '2.0', id: 1, method: 'message/stream' },
            { [CASE]: name },
          )
          expect(String(answer.body)).toBe(String(Buffer.concat(chunks)))
          expect(answer.body.equals(Buffer.concat(chunks))).toBe(true)
          expect(headerOf(answer, 'content-type')).toBe(headers['content-type'])
        }),
        runs,
      )
    },
    patience,
  )

  test(
    'random HTTP+JSON calls reach the agent with their raw path, query and body',
    async () => {
      const [direct, proxied] = stage.roads('puppet')
      const anything = fc.record({
        method: fc.constantFrom('GET', 'POST', 'DELETE'),
        tail: randomTail,
        bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
      })
      await fc.assert(
        fc.asyncProperty(anything, async ({ bytes, method, tail }) => {
          const sent = method === 'POST' ? { body: bytes } : {}
          const ask = async (road: Road) =>
            (jsonOf(await road.rest(`${method} ${tail}`, sent)) as { result: Heard }).result
          const [measure, arrived] = [await ask(direct), await ask(proxied)]
          expect([arrived.method, arrived.path, arrived.body]).toEqual([
            measure.method,
            measure.path,
            measure.body,
          ])
        }),
        runs,
      )
    },
    patience,
  )
}

const isPage = (answer: Answer) => !/json|event-stream/.test(headerOf(answer, 'content-type') ?? '')

/** The one result that we change. */
const holdsCard = (answer: Answer) => answer.body.includes('"defaultInputModes"')

function expectSpokenFor(answer: Answer, page: Answer): void {
  expect(answer.status).toBe(page.status >= 500 || page.status === 401 ? 502 : page.status)
  expect(jsonOf(answer)).toMatchObject({ jsonrpc: '2.0', error: { code: -32603 } })
}
