// The HTTP+JSON binding of both versions (docs/facts/a2a.md §2.9), directly and through the proxy.
import { describe, expect, test } from 'vitest'
import { CASE } from '../agents/scripted-agent.ts'
import { expectSame, type Exchange } from '../support/compare.ts'
import { summarize, summarizeStream } from '../support/summarize.ts'
import { type RestLine, REST_0_3, REST_1_0 } from '../support/rest-lines.ts'
import type { Target } from '../support/targets.ts'
import type { Fixture } from '../support/fixture.ts'
import { taskIdOf } from '../support/task-id.ts'
import { type Answer, headerOf, jsonOf } from '../support/raw-http.ts'

export function rest(fixture: Fixture): void {
  describe.each<RestLine>([REST_1_0, REST_0_3])('$name', (line) => {
    const { base, headers } = line
    const send = (target: Target, text: string, options?: Parameters<RestLine['send']>[1]) =>
      target.rest(`POST ${base}/message:send`, { json: line.send(text, options), headers })
    const ask = (target: Target, call: string, json?: unknown) => {
      const [method = '', tail = ''] = call.split(' ')
      return target.rest(`${method} ${base}${tail}`, { headers, ...(json === undefined ? {} : { json }) })
    }
    const same = async (exchange: Exchange) =>
      (await expectSame(fixture.targets('v1.0'), exchange)).map(summarize)

    const withTask =
      (text: string, next: (target: Target, id: string) => AsyncGenerator<Answer>): Exchange =>
      async (target) => {
        const answers = [await send(target, text, { wait: text !== 'hold' })]
        for await (const answer of next(target, taskIdOf(answers[0]))) answers.push(answer)
        return answers
      }

    test('a message is answered by a message', async () => {
      expect(await same(async (target) => [await send(target, 'héllo')])).toEqual(['message'])
    })

    test('a finished task is read and cannot be canceled', async () => {
      const exchange = withTask('make', async function* (target, id) {
        yield await ask(target, `GET /tasks/${id}`)
        yield await ask(target, `GET /tasks/${id}?historyLength=1`)
        yield await ask(target, `GET /tasks/${id}?historyLength=many`)
        yield await ask(target, `POST /tasks/${id}:cancel`)
      })
      const done = 'task completed'
      expect(await same(exchange)).toEqual([done, done, done, line.errors.invalid, line.errors.notCancelable])
    })

    test('a task is canceled', async () => {
      const exchange = withTask('hold', async function* (target, id) {
        yield await ask(target, `POST /tasks/${id}:cancel`, {})
        yield await ask(target, `GET /tasks/${id}`)
      })
      expect(await same(exchange)).toEqual(['task working', line.shapes.canceled, line.shapes.canceled])
    })

    test('push configurations are set, read, listed and deleted', async () => {
      const exchange = withTask('ask', async function* (target, id) {
        const configs = `/tasks/${id}/pushNotificationConfigs`
        yield await ask(target, `POST ${configs}`, line.pushConfig(id, 'c:1'))
        yield await ask(target, `GET ${configs}/c:1`)
        yield await ask(target, `GET ${configs}/c%3A1`)
        yield await ask(target, `GET ${configs}`)
        yield await ask(target, `DELETE ${configs}/c:1`)
        yield await ask(target, `GET ${configs}/c:1`)
      })
      const [made, ...rest] = await same(exchange)
      expect(made).toBe('task input-required')
      const { config, notFound } = { config: line.shapes.config, notFound: line.errors.notFound }
      expect(rest).toEqual([config, config, config, 'configs', '204 nothing', notFound])
    })

    test.each(['good morning', 'make', 'chunks'])('%s streams its events', async (text) => {
      const exchange: Exchange = async (target) => [
        await ask(target, 'POST /message:stream', line.send(text)),
      ]
      const [answer] = await expectSame(fixture.targets('v1.0'), exchange)
      expect(answer && headerOf(answer, 'content-type')).toBe('text/event-stream')
      const summaries = answer === undefined ? [] : await summarizeStream(answer)
      expect(summaries.at(-1)).toBe(text === 'good morning' ? 'message' : 'status completed')
    })

    test.each(['GET', 'POST'])('a subscription by %s receives the events of a task', async (method) => {
      const exchange: Exchange = async (target) => {
        const made = await send(target, 'hold', { wait: false })
        const id = taskIdOf(made)
        const stream = await target.openRest(`${method} ${base}/tasks/${id}:subscribe`, { headers })
        await stream.firstEvent()
        target.agent.release(id)
        return [made, { ...stream, body: await stream.whole() }]
      }
      const [, events] = await expectSame(fixture.targets('v1.0'), exchange)
      expect(events && (await summarizeStream(events))).toEqual([
        'task working',
        'artifact',
        'status completed',
      ])
    })

    test.each([
      ['a task that does not exist', 'GET /tasks/unknown', undefined, 'notFound'],
      ['a cancel of an unknown task', 'POST /tasks/unknown:cancel', {}, 'notFound'],
      ['a subscription to an unknown task', 'GET /tasks/unknown:subscribe', undefined, 'notFound'],
      ['a request without a message', 'POST /message:send', {}, 'invalid'],
      ['a message without its id', 'POST /message:send', { message: { role: 'ROLE_USER' } }, 'invalid'],
    ] as const)("the agent's refusal passes unchanged: %s", async (_, call, json, error) => {
      expect(await same(async (target) => [await ask(target, call, json)])).toEqual([line.errors[error]])
    })

    test('bodies that are not JSON are refused by the agent', async () => {
      const exchange: Exchange = async (target) => {
        const post = (body: string, type: string) =>
          target.rest(`POST ${base}/message:send`, { body, headers: { ...headers, 'content-type': type } })
        return [
          await post('{"message":', 'application/json'),
          await post('message', 'text/plain'),
          await post('{}', 'application/a2a+json'),
          await post('', 'application/json'),
        ]
      }
      for (const summary of await same(exchange)) expect(summary).toMatch(/^(400 |-32)/)
    })

    test("an HTML answer for an unknown path becomes the binding's error", async () => {
      const [direct, proxied] = fixture.targets('v1.0')
      const call = 'GET /no/such/path?x=1'
      expect(headerOf(await ask(direct, call), 'content-type')).toContain('text/html')
      expect((await ask(direct, call)).status).toBe(404)
      expectRestError(await ask(proxied, call), 404, 'NOT_FOUND')
    })
  })

  test('unknown versions are refused by the agent, in the header and in the query', async () => {
    await expectSame(fixture.targets('v1.0'), async (target) => [
      await target.rest('GET /tasks/x', { headers: { 'a2a-version': '9.9' } }),
      await target.rest('GET /tasks/x?A2A-Version=9.9'),
      await target.rest('GET /tasks/x?A2A-Version=1.0'),
      await target.rest('GET /tasks/x?A2A-Version=1.0', { headers: { 'a2a-version': '1.0' } }),
    ])
  })

  test('a tenant in the path, a list and its filters reach the agent', async () => {
    const { headers } = REST_1_0
    const exchange: Exchange = async (target) => {
      const made = await target.rest('POST /acme/message:send', { json: REST_1_0.send('make'), headers })
      const { task } = jsonOf(made) as { task: { contextId: string } }
      const list = `GET /acme/tasks?contextId=${task.contextId}`
      return [
        made,
        await target.rest(list, { headers }),
        await target.rest(`${list}&status=TASK_STATE_COMPLETED&includeArtifacts=true`, { headers }),
        await target.rest(`${list}&status=TASK_STATE_WORKING&pageSize=1`, { headers }),
        await target.rest(`GET /tasks?contextId=${task.contextId}`, { headers }),
        await target.rest('GET /tasks?pageSize=0', { headers }),
      ]
    }
    const answers = await expectSame(fixture.targets('v1.0'), exchange)
    const totals = answers.map((answer) => /"totalSize":(\d+)/.exec(String(answer.body))?.[1])
    expect(totals).toEqual([undefined, '1', '1', '0', '0', undefined])
  })

  test('an agent without HTTP+JSON is reported as not offering it', async () => {
    const [, proxied] = fixture.targets('v0.3')
    expectRestError(await proxied.rest('GET /v1/tasks/x'), 404, 'NOT_FOUND')
    expectRestError(await proxied.rest('POST /message:send', { json: {} }), 404, 'NOT_FOUND')
  })

  test("a caller without a credential gets the binding's own error", async () => {
    const [, { origin, paths }] = fixture.targets('v1.0')
    const response = await fetch(`${origin}${paths.rest}/tasks/x`)
    const { status } = response
    const headers = [...response.headers] as [string, string][]
    const body = Buffer.from(await response.arrayBuffer())
    expectRestError({ status, headers, body }, 401, 'UNAUTHENTICATED')
  })

  test.each([
    [401, 502],
    [500, 502],
    [403, 403],
    [302, 502],
  ])('a web page with status %i becomes an error with status %i', async (status, ours) => {
    const name = `rest page ${status}`
    const chunks = [new TextEncoder().encode('<h1>no</h1>')]
    fixture.scripted.play(name, { status, headers: { 'content-type': 'text/html', location: '/' }, chunks })
    const [, proxied] = fixture.targets('scripted')
    const answer = await proxied.rest('GET /tasks/x', { headers: { [CASE]: name } })
    expectRestError(answer, ours, expect.any(String))
  })
}

function expectRestError(answer: Answer, code: number, status: unknown): void {
  expect([answer.status, headerOf(answer, 'content-type')]).toEqual([code, expect.stringMatching(/json/)])
  expect(jsonOf(answer)).toEqual({
    error: { code, status, message: expect.any(String), details: [expect.any(Object)] },
  })
}
