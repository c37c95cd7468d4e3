// Every JSON-RPC method of both versions, directly and through the proxy: the same status, headers and bytes.
import { describe, expect, test } from 'vitest'
import { expectSame, type Exchange } from '../support/compare.ts'
import { type Dialect, request, V0_3, V1_0 } from '../support/dialect.ts'
import { summarize } from '../support/summarize.ts'
import type { Target } from '../support/targets.ts'
import type { Role, Fixture } from '../support/fixture.ts'
import { taskIdOf } from '../support/task-id.ts'
import { type Answer, headerOf } from '../support/raw-http.ts'
import { EXTENSION } from '../agents/agent-1-0.ts'

export const COMBINATIONS: { role: Role; dialect: Dialect }[] = [
  { role: 'v1.0', dialect: V1_0 },
  { role: 'v1.0', dialect: V0_3 },
  { role: 'v0.3', dialect: V0_3 },
]

export function jsonRpcMethods(fixture: Fixture): void {
  describe.each(COMBINATIONS)('agent $role, client $dialect.name', ({ role, dialect }) => {
    const same = async (exchange: Exchange) =>
      (await expectSame(fixture.targets(role), exchange)).map(summarize)
    const send = (target: Target, text: string, extra?: object, options?: { wait?: boolean }) =>
      target.rpc(
        request(dialect, 'send', dialect.send(dialect.message(text, extra), options)),
        dialect.headers,
      )
    const ask = (target: Target, method: Parameters<typeof request>[1], params: object) =>
      target.rpc(request(dialect, method, params), dialect.headers)

    /** Sends the text, and continues with the task of the answer. */
    const withTask =
      (text: string, next: (target: Target, id: string) => AsyncGenerator<Answer>): Exchange =>
      async (target) => {
        const answers = [await send(target, text, {}, { wait: text !== 'hold' })]
        for await (const answer of next(target, taskIdOf(answers[0]))) answers.push(answer)
        return answers
      }

    test.each([
      ['a message', 'good morning ☀️', 'message'],
      ['a task that is complete', 'make', 'task completed'],
      ['a task that needs more', 'ask', 'task input-required'],
      ['a task that failed', 'fail', 'task failed'],
    ])('the answer to a message is %s', async (_, text, summary) => {
      expect(await same(async (target) => [await send(target, text)])).toEqual([summary])
    })

    test("a message to an agent that throws gets the SDK's own error", async () => {
      const [answer] = await expectSame(fixture.targets(role), async (target) => [
        await send(target, 'throw'),
      ])
      expect(String(answer?.body)).toContain('the agent has a bug')
    })

    test('a non-blocking message is answered by a working task', async () => {
      const exchange = withTask('hold', async function* (target, id) {
        yield await ask(target, 'cancel', { id })
        yield await ask(target, 'get', { id })
        yield await ask(target, 'cancel', { id })
      })
      // The SDKs answer a second cancel differently.
      const again = role === 'v0.3' ? '-32002' : 'task canceled'
      expect(await same(exchange)).toEqual(['task working', 'task canceled', 'task canceled', again])
    })

    test('a second message continues the task', async () => {
      const exchange = withTask('ask', async function* (target, taskId) {
        yield await send(target, 'the first', { taskId })
        yield await ask(target, 'get', { id: taskId })
        yield await ask(target, 'get', { id: taskId, historyLength: 1 })
        yield await ask(target, 'get', { id: taskId, historyLength: 0 })
        yield await ask(target, 'cancel', { id: taskId })
      })
      const done = 'task completed'
      expect(await same(exchange)).toEqual(['task input-required', done, done, done, done, '-32002'])
    })

    test('push configurations are set, read, listed and deleted', async () => {
      const exchange = withTask('ask', async function* (target, taskId) {
        yield await ask(target, 'setPush', dialect.pushConfig(taskId, 'one'))
        yield await ask(target, 'setPush', dialect.pushConfig(taskId, 'two'))
        yield await ask(target, 'getPush', dialect.pushConfigOf(taskId, 'one'))
        yield await ask(target, 'listPush', dialect.pushConfigOf(taskId))
        yield await ask(target, 'deletePush', dialect.pushConfigOf(taskId, 'one'))
        yield await ask(target, 'getPush', dialect.pushConfigOf(taskId, 'one'))
        yield await ask(target, 'listPush', dialect.pushConfigOf(taskId))
      })
      const config = dialect.name === '1.0' ? 'id taskId token url' : 'pushNotificationConfig taskId'
      const list = (length: number) => (dialect.name === '1.0' ? 'configs' : `list of ${length}`)
      const missing = role === 'v0.3' ? '-32603' : '-32001'
      expect(await same(exchange)).toEqual([
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
      'a request for an unknown task fails: %s',
      async (method) => {
        const params = {
          ...dialect.pushConfigOf('unknown', 'nothing'),
          ...(method === 'setPush' ? dialect.pushConfig('unknown', 'nothing') : {}),
          ...(method === 'get' || method === 'cancel' ? { id: 'unknown' } : {}),
        }
        expect(await same(async (target) => [await ask(target, method, params)])).toEqual(['-32001'])
      },
    )

    test('a requested extension is activated and named in the answer', async () => {
      const name = dialect.name === '1.0' ? 'a2a-extensions' : 'x-a2a-extensions'
      const [answer] = await expectSame(fixture.targets(role), async (target) => [
        await target.rpc(request(dialect, 'send', dialect.send(dialect.message('hi'))), {
          ...dialect.headers,
          [name]: `https://example.com/unknown, ${EXTENSION}`,
        }),
      ])
      // The older SDK drops the extensions that its executor activated.
      if (role !== 'v0.3') expect(answer && headerOf(answer, name)).toContain(EXTENSION)
    })
  })

  describe('an agent without optional capabilities', () => {
    test.each<{ role: Role; dialect: Dialect }>([
      { role: 'plain v1.0', dialect: V1_0 },
      { role: 'plain v1.0', dialect: V0_3 },
      { role: 'plain v0.3', dialect: V0_3 },
    ])('$role refuses streams, push and its extended card in $dialect.name', async ({ role, dialect }) => {
      const exchange: Exchange = async (target) => {
        const calls = [
          request(dialect, 'stream', dialect.send(dialect.message('hi'))),
          request(dialect, 'subscribe', { id: 'unknown' }),
          request(dialect, 'setPush', dialect.pushConfig('unknown', 'one')),
          request(dialect, 'listPush', dialect.pushConfigOf('unknown')),
          request(dialect, 'extendedCard', dialect.name === '1.0' ? {} : undefined),
        ]
        const answers: Answer[] = []
        for (const body of calls) answers.push(await target.rpc(body, dialect.headers))
        return answers
      }
      const answers = await expectSame(fixture.targets(role), exchange)
      expect(answers.map(summarize)).toEqual(['-32004', '-32004', '-32003', '-32003', '-32004'])
    })
  })

  test('tasks are listed by context, by state and with the requested details', async () => {
    const exchange: Exchange = async (target) => {
      const made = await target.rpc(request(V1_0, 'send', V1_0.send(V1_0.message('make'))), V1_0.headers)
      const { result } = JSON.parse(String(made.body)) as { result: { task: { contextId: string } } }
      const { contextId } = result.task
      const filters = [
        { contextId },
        { contextId, includeArtifacts: true, historyLength: 0 },
        { contextId, status: 'TASK_STATE_COMPLETED', pageSize: 1 },
        { contextId, status: 'TASK_STATE_WORKING' },
        { contextId, pageSize: 1000 },
        { contextId: 'unknown' },
      ]
      const answers = [made]
      for (const params of filters) {
        const body = { jsonrpc: '2.0', id: 'l', method: 'ListTasks', params }
        answers.push(await target.rpc(body, V1_0.headers))
      }
      return answers
    }
    const answers = await expectSame(fixture.targets('v1.0'), exchange)
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
