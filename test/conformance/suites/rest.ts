// The HTTP+JSON binding of both lines (a2a.md §2.9), below the same address: asked directly and through us.
import { describe, expect, test } from 'vitest'
import { CASE } from '../agents/scripted-agent.ts'
import { expectSame, type Talk } from '../support/compare.ts'
import { gistOf, gistOfStream } from '../support/summarize.ts'
import { type RestLine, REST_0_3, REST_1_0 } from '../support/rest-lines.ts'
import type { Road } from '../support/targets.ts'
import type { Stage } from '../support/fixture.ts'
import { taskIdOf } from '../support/task-id.ts'
import { type Answer, headerOf, jsonOf } from '../support/raw-http.ts'

export function rest(stage: Stage): void {
  describe.each<RestLine>([REST_1_0, REST_0_3])('$name', (line) => {
    const { base, headers } = line
    const send = (road: Road, text: string, options?: Parameters<RestLine['send']>[1]) =>
      road.rest(`POST ${base}/message:send`, { json: line.send(text, options), headers })
    const ask = (road: Road, call: string, json?: unknown) => {
      const [method = '', tail = ''] = call.split(' ')
      return road.rest(`${method} ${base}${tail}`, { headers, ...(json === undefined ? {} : { json }) })
    }
    const same = async (talk: Talk) => (await expectSame(stage.roads('v1.0'), talk)).map(gistOf)

    const withTask =
      (text: string, next: (road: Road, id: string) => AsyncGenerator<Answer>): Talk =>
      async (road) => {
        const answers = [await send(road, text, { wait: text !== 'hold' })]
        for await (const answer of next(road, taskIdOf(answers[0]))) answers.push(answer)
        return answers
      }

    test('a message is answered by a message', async () => {
      expect(await same(async (road) => [await send(road, 'héllo')])).toEqual(['message'])
    })

    test('a finished task is read and cannot be canceled', async () => {
      const talk = withTask('make', async function* (road, id) {
        yield await ask(road, `GET /tasks/${id}`)
        yield await ask(road, `GET /tasks/${id}?historyLength=1`)
        yield await ask(road, `GET /tasks/${id}?historyLength=many`)
        yield await ask(road, `POST /tasks/${id}:cancel`)
      })
      const done = 'task completed'
      expect(await same(talk)).toEqual([done, done, done, line.errors.invalid, line.errors.notCancelable])
    })

    test('a task is canceled', async () => {
      const talk = withTask('hold', async function* (road, id) {
        yield await ask(road, `POST /tasks/${id}:cancel`, {})
        yield await ask(road, `GET /tasks/${id}`)
      })
      expect(await same(talk)).toEqual(['task working', line.shapes.canceled, line.shapes.canceled])
    })

    test('push configurations are set, read, listed and deleted', async () => {
      const talk = withTask('ask', async function* (road, id) {
        const configs = `/tasks/${id}/pushNotificationConfigs`
        yield await ask(road, `POST ${configs}`, line.pushConfig(id, 'c:1'))
        yield await ask(road, `GET ${configs}/c:1`)
        yield await ask(road, `GET ${configs}/c%3A1`)
        yield await ask(road, `GET ${configs}`)
        yield await ask(road, `DELETE ${configs}/c:1`)
        yield await ask(road, `GET ${configs}/c:1`)
      })
      const [made, ...rest] = await same(talk)
      expect(made).toBe('task input-required')
      const { config, notFound } = { config: line.shapes.config, notFound: line.errors.notFound }
      expect(rest).toEqual([config, config, config, 'configs', '204 nothing', notFound])
    })

    test.each(['good morning', 'make', 'chunks'])('%s streams its events', async (text) => {
      const talk: Talk = async (road) => [await ask(road, 'POST /message:stream', line.send(text))]
      const [answer] = await expectSame(stage.roads('v1.0'), talk)
      expect(answer && headerOf(answer, 'content-type')).toBe('text/event-stream')
      const gists = answer === undefined ? [] : await gistOfStream(answer)
      expect(gists.at(-1)).toBe(text === 'good morning' ? 'message' : 'status completed')
    })

    test.each(['GET', 'POST'])('a task is subscribed to by %s', async (method) => {
      const talk: Talk = async (road) => {
        const made = await send(road, 'hold', { wait: false })
        const id = taskIdOf(made)
        const stream = await road.openRest(`${method} ${base}/tasks/${id}:subscribe`, { headers })
        await stream.firstEvent()
        road.agent.release(id)
        return [made, { ...stream, body: await stream.whole() }]
      }
      const [, events] = await expectSame(stage.roads('v1.0'), talk)
      expect(events && (await gistOfStream(events))).toEqual(['task working', 'artifact', 'status completed'])
    })

    test.each([
      ['a task that does not exist', 'GET /tasks/nobody', undefined, 'notFound'],
      ['a cancel of it', 'POST /tasks/nobody:cancel', {}, 'notFound'],
      ['a subscription to it', 'GET /tasks/nobody:subscribe', undefined, 'notFound'],
      ['no message', 'POST /message:send', {}, 'invalid'],
      ['a message without its id', 'POST /message:send', { message: { role: 'ROLE_USER' } }, 'invalid'],
    ] as const)('%s is refused by the agent itself', async (_, call, json, error) => {
      expect(await same(async (road) => [await ask(road, call, json)])).toEqual([line.errors[error]])
    })

    test('bodies that are not JSON are refused by the agent', async () => {
      const talk: Talk = async (road) => {
        const post = (body: string, type: string) =>
          road.rest(`POST ${base}/message:send`, { body, headers: { ...headers, 'content-type': type } })
        return [
          await post('{"message":', 'application/json'),
          await post('message', 'text/plain'),
          await post('{}', 'application/a2a+json'),
          await post('', 'application/json'),
        ]
      }
      for (const gist of await same(talk)) expect(gist).toMatch(/^(400 |-32)/)
    })

    test("an HTML answer for an unknown path becomes the binding's error", async () => {
      const [direct, proxied] = stage.roads('v1.0')
      const call = 'GET /no/such/path?x=1'
      expect(headerOf(await ask(direct, call), 'content-type')).toContain('text/html')
      expect((await ask(direct, call)).status).toBe(404)
      expectRestError(await ask(proxied, call), 404, 'NOT_FOUND')
    })
  })

  test('unknown versions are refused by the agent, in the header and in the query', async () => {
    await expectSame(stage.roads('v1.0'), async (road) => [
      await road.rest('GET /tasks/x', { headers: { 'a2a-version': '9.9' } }),
      await road.rest('GET /tasks/x?A2A-Version=9.9'),
      await road.rest('GET /tasks/x?A2A-Version=1.0'),
      await road.rest('GET /tasks/x?A2A-Version=1.0', { headers: { 'a2a-version': '1.0' } }),
    ])
  })

  test('a tenant in the path, a list and its filters reach the agent', async () => {
    const { headers } = REST_1_0
    const talk: Talk = async (road) => {
      const made = await road.rest('POST /acme/message:send', { json: REST_1_0.send('make'), headers })
      const { task } = jsonOf(made) as { task: { contextId: string } }
      const list = `GET /acme/tasks?contextId=${task.contextId}`
      return [
        made,
        await road.rest(list, { headers }),
        await road.rest(`${list}&status=TASK_STATE_COMPLETED&includeArtifacts=true`, { headers }),
        await road.rest(`${list}&status=TASK_STATE_WORKING&pageSize=1`, { headers }),
        await road.rest(`GET /tasks?contextId=${task.contextId}`, { headers }),
        await road.rest('GET /tasks?pageSize=0', { headers }),
      ]
    }
    const answers = await expectSame(stage.roads('v1.0'), talk)
    const totals = answers.map((answer) => /"totalSize":(\d+)/.exec(String(answer.body))?.[1])
    expect(totals).toEqual([undefined, '1', '1', '0', '0', undefined])
  })

  test('an agent without HTTP+JSON is reported as not offering it', async () => {
    const [, proxied] = stage.roads('v0.3')
    expectRestError(await proxied.rest('GET /v1/tasks/x'), 404, 'NOT_FOUND')
    expectRestError(await proxied.rest('POST /message:send', { json: {} }), 404, 'NOT_FOUND')
  })

  test("a caller without a credential gets the binding's own error", async () => {
    const [, { origin, paths }] = stage.roads('v1.0')
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
  ])('a page with %i becomes an error with %i', async (status, ours) => {
    const name = `rest page ${status}`
    const chunks = [new TextEncoder().encode('<h1>no</h1>')]
    stage.puppet.play(name, { status, headers: { 'content-type': 'text/html', location: '/' }, chunks })
    const [, proxied] = stage.roads('puppet')
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
