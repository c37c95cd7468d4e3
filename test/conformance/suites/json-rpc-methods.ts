// Every JSON-RPC method of both lines, asked directly and through us: the same status, headers and bytes.
import { describe, expect, test } from 'vitest'
import { expectSame, type Talk } from '../support/compare.ts'
import { type Dialect, request, V0_3, V1_0 } from '../support/dialect.ts'
import { gistOf } from '../support/summarize.ts'
import type { Road } from '../support/targets.ts'
import type { Role, Stage } from '../support/fixture.ts'
import { taskIdOf } from '../support/task-id.ts'
import { type Answer, headerOf } from '../support/raw-http.ts'
import { EXTENSION } from '../agents/agent-1-0.ts'

export const SPEAKERS: { role: Role; dialect: Dialect }[] = [
  { role: 'v1.0', dialect: V1_0 },
  { role: 'v1.0', dialect: V0_3 },
  { role: 'v0.3', dialect: V0_3 },
]

export function jsonRpcMethods(stage: Stage): void {
  describe.each(SPEAKERS)('of $role, spoken to in $dialect.name:', ({ role, dialect }) => {
    const same = async (talk: Talk) => (await expectSame(stage.roads(role), talk)).map(gistOf)
    const say = (road: Road, text: string, extra?: object, options?: { wait?: boolean }) =>
      road.rpc(request(dialect, 'send', dialect.send(dialect.message(text, extra), options)), dialect.headers)
    const ask = (road: Road, method: Parameters<typeof request>[1], params: object) =>
      road.rpc(request(dialect, method, params), dialect.headers)

    /** Says the text, and goes on about the task that it made. */
    const withTask =
      (text: string, next: (road: Road, id: string) => AsyncGenerator<Answer>): Talk =>
      async (road) => {
        const answers = [await say(road, text, {}, { wait: text !== 'hold' })]
        for await (const answer of next(road, taskIdOf(answers[0]))) answers.push(answer)
        return answers
      }

    test.each([
      ['a message', 'good morning ☀️', 'message'],
      ['a task that is complete', 'make', 'task completed'],
      ['a task that needs more', 'ask', 'task input-required'],
      ['a task that failed', 'fail', 'task failed'],
    ])('a message is answered by %s', async (_, text, gist) => {
      expect(await same(async (road) => [await say(road, text)])).toEqual([gist])
    })

    test("a message to an agent that throws gets the SDK's own error", async () => {
      const [answer] = await expectSame(stage.roads(role), async (road) => [await say(road, 'throw')])
      expect(String(answer?.body)).toContain('the agent has a bug')
    })

    test('a non-blocking message is answered by a working task', async () => {
      const talk = withTask('hold', async function* (road, id) {
        yield await ask(road, 'cancel', { id })
        yield await ask(road, 'get', { id })
        yield await ask(road, 'cancel', { id })
      })
      // What a second cancel is worth, the lines judge differently.
      const again = role === 'v0.3' ? '-32002' : 'task canceled'
      expect(await same(talk)).toEqual(['task working', 'task canceled', 'task canceled', again])
    })

    test('a second message continues the task', async () => {
      const talk = withTask('ask', async function* (road, taskId) {
        yield await say(road, 'the first', { taskId })
        yield await ask(road, 'get', { id: taskId })
        yield await ask(road, 'get', { id: taskId, historyLength: 1 })
        yield await ask(road, 'get', { id: taskId, historyLength: 0 })
        yield await ask(road, 'cancel', { id: taskId })
      })
      const done = 'task completed'
      expect(await same(talk)).toEqual(['task input-required', done, done, done, done, '-32002'])
    })

    test('push configurations are set, read, listed and deleted', async () => {
      const talk = withTask('ask', async function* (road, taskId) {
        yield await ask(road, 'setPush', dialect.pushConfig(taskId, 'one'))
        yield await ask(road, 'setPush', dialect.pushConfig(taskId, 'two'))
        yield await ask(road, 'getPush', dialect.pushConfigOf(taskId, 'one'))
        yield await ask(road, 'listPush', dialect.pushConfigOf(taskId))
        yield await ask(road, 'deletePush', dialect.pushConfigOf(taskId, 'one'))
        yield await ask(road, 'getPush', dialect.pushConfigOf(taskId, 'one'))
        yield await ask(road, 'listPush', dialect.pushConfigOf(taskId))
      })
      const config = dialect.name === '1.0' ? 'id taskId token url' : 'pushNotificationConfig taskId'
      const list = (length: number) => (dialect.name === '1.0' ? 'configs' : `list of ${length}`)
      const missing = role === 'v0.3' ? '-32603' : '-32001'
      expect(await same(talk)).toEqual([
        'task input-required',
        config,
        config,
        config,
        list(2),
        'null',
        missing,
        list(1),
      ])
    })

    test.each(['get', 'cancel', 'setPush', 'getPush', 'listPush', 'deletePush'] as const)(
      'a task that does not exist cannot be asked for by %s',
      async (method) => {
        const params = {
          ...dialect.pushConfigOf('nobody', 'nothing'),
          ...(method === 'setPush' ? dialect.pushConfig('nobody', 'nothing') : {}),
          ...(method === 'get' || method === 'cancel' ? { id: 'nobody' } : {}),
        }
        expect(await same(async (road) => [await ask(road, method, params)])).toEqual(['-32001'])
      },
    )

    test('a requested extension is activated and named in the answer', async () => {
      const name = dialect.name === '1.0' ? 'a2a-extensions' : 'x-a2a-extensions'
      const [answer] = await expectSame(stage.roads(role), async (road) => [
        await road.rpc(request(dialect, 'send', dialect.send(dialect.message('hi'))), {
          ...dialect.headers,
          [name]: `https://example.com/unknown, ${EXTENSION}`,
        }),
      ])
      // The older SDK forgets what its executor activated.
      if (role !== 'v0.3') expect(answer && headerOf(answer, name)).toContain(EXTENSION)
    })
  })

  describe('an agent without optional capabilities', () => {
    test.each<{ role: Role; dialect: Dialect }>([
      { role: 'plain v1.0', dialect: V1_0 },
      { role: 'plain v1.0', dialect: V0_3 },
      { role: 'plain v0.3', dialect: V0_3 },
    ])('$role refuses streams, push and its extended card in $dialect.name', async ({ role, dialect }) => {
      const talk: Talk = async (road) => {
        const calls = [
          request(dialect, 'stream', dialect.send(dialect.message('hi'))),
          request(dialect, 'subscribe', { id: 'nobody' }),
          request(dialect, 'setPush', dialect.pushConfig('nobody', 'one')),
          request(dialect, 'listPush', dialect.pushConfigOf('nobody')),
          request(dialect, 'extendedCard', dialect.name === '1.0' ? {} : undefined),
        ]
        const answers: Answer[] = []
        for (const body of calls) answers.push(await road.rpc(body, dialect.headers))
        return answers
      }
      const answers = await expectSame(stage.roads(role), talk)
      expect(answers.map(gistOf)).toEqual(['-32004', '-32004', '-32003', '-32003', '-32004'])
    })
  })

  test('tasks are listed by context, by state and with the requested details', async () => {
    const talk: Talk = async (road) => {
      const made = await road.rpc(request(V1_0, 'send', V1_0.send(V1_0.message('make'))), V1_0.headers)
      const { result } = JSON.parse(String(made.body)) as { result: { task: { contextId: string } } }
      const { contextId } = result.task
      const filters = [
        { contextId },
        { contextId, includeArtifacts: true, historyLength: 0 },
        { contextId, status: 'TASK_STATE_COMPLETED', pageSize: 1 },
        { contextId, status: 'TASK_STATE_WORKING' },
        { contextId, pageSize: 1000 },
        { contextId: 'nobody' },
      ]
      const answers = [made]
      for (const params of filters) {
        const body = { jsonrpc: '2.0', id: 'l', method: 'ListTasks', params }
        answers.push(await road.rpc(body, V1_0.headers))
      }
      return answers
    }
    const answers = await expectSame(stage.roads('v1.0'), talk)
    expect(answers.map((answer) => String(answer.body).includes('"totalSize":1'))).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
      false,
    ])
  })
}
