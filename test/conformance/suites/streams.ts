// Event streams arrive byte for byte and without delay. An error before the first event is not a stream.
import { describe, expect, test } from 'vitest'
import { CASE } from '../agents/scripted-agent.ts'
import { expectSame, type Exchange } from '../support/compare.ts'
import { type Dialect, type Method, request, V0_3, V1_0 } from '../support/dialect.ts'
import { summarize, summarizeStream } from '../support/summarize.ts'
import type { Target } from '../support/targets.ts'
import type { Fixture } from '../support/fixture.ts'
import { taskIdOf } from '../support/task-id.ts'
import { type Answer, headerOf, type OpenAnswer } from '../support/raw-http.ts'
import { COMBINATIONS } from './json-rpc-methods.ts'

const whole = async (answer: OpenAnswer): Promise<Answer> => ({ ...answer, body: await answer.whole() })

/** The events of a task that is held and then released. */
const HELD = ['task working', 'artifact', 'status completed']

const taskOf = (event: string): string => {
  const [, id] = /"taskId":"([^"]+)"/.exec(event) ?? []
  if (id === undefined) throw new Error(`no task in ${event}`)
  return id
}

export function streams(fixture: Fixture): void {
  describe.each(COMBINATIONS)('agent $role, client $dialect.name', ({ role, dialect }) => {
    const ask = (target: Target, method: Method, params: object) =>
      target.rpc(request(dialect, method, params, 0), dialect.headers)
    const openStream = (target: Target, method: Method, params: object) =>
      target.openRpc(request(dialect, method, params, 'é"'), {
        ...dialect.headers,
        accept: 'text/event-stream',
      })
    const startHeld = async (target: Target) => {
      const message = dialect.message('hold')
      const answer = await ask(target, 'send', dialect.send(message, { wait: false }))
      return { answer, id: taskIdOf(answer) }
    }

    test.each([
      ['good evening', ['message']],
      ['make', ['task submitted', 'status working', 'artifact', 'status completed']],
      ['chunks', ['task working', 'artifact', 'artifact', 'artifact', 'status completed']],
      ['ask', ['task submitted', 'status input-required']],
      ['fail', ['task submitted', 'status failed']],
    ])('the stream of "%s" has the expected events', async (text, summaries) => {
      const exchange: Exchange = async (target) => [
        await ask(target, 'stream', dialect.send(dialect.message(text))),
      ]
      const [answer] = await expectSame(fixture.targets(role), exchange)
      expect(answer && headerOf(answer, 'content-type')).toBe('text/event-stream')
      expect(answer && (await summarizeStream(answer))).toEqual(summaries)
    })

    test('an agent that throws before its first event answers as its SDK does', async () => {
      const exchange: Exchange = async (target) => [
        await ask(target, 'stream', dialect.send(dialect.message('throw'))),
      ]
      const [answer] = await expectSame(fixture.targets(role), exchange)
      expect(String(answer?.body)).toContain('the agent has a bug')
    })

    test('an invalid message is refused as the SDK refuses it', async () => {
      const ofUnknownTask = dialect.message('more', { taskId: 'unknown' })
      const exchange: Exchange = async (target) => [
        await ask(target, 'stream', dialect.send(ofUnknownTask)),
        await ask(target, 'stream', {}),
        await ask(target, 'subscribe', { id: 'unknown' }),
      ]
      const answers = await expectSame(fixture.targets(role), exchange)
      const isStream = answers.map(
        (answer) => headerOf(answer, 'content-type')?.startsWith('text/event-stream') === true,
      )
      // Some are a stream with one error, some are JSON. The proxy must not change which.
      expect(isStream).toContain(role === 'v0.3')
      for (const answer of answers) expect(String(answer.body)).toContain('"error"')
    })

    test('the first event arrives while the agent is still working', async () => {
      for (const target of fixture.targets(role)) {
        const stream = await openStream(target, 'stream', dialect.send(dialect.message('hold')))
        const first = await stream.firstEvent()
        expect(first).toMatch(/^data: \{.*working.*\}\n\n$/is)
        target.agent.release(taskOf(first))
        expect(await summarizeStream(await whole(stream))).toEqual(HELD)
      }
    })

    test('a subscription to a task receives its events', async () => {
      const exchange: Exchange = async (target) => {
        const { answer, id } = await startHeld(target)
        // The head has arrived: from now on the agent sends its events to this stream.
        const stream = await openStream(target, 'subscribe', { id })
        target.agent.release(id)
        const events = await whole(stream)
        return [answer, events, await ask(target, 'subscribe', { id })]
      }
      const [, events] = await expectSame(fixture.targets(role), exchange)
      expect(events && (await summarizeStream(events))).toEqual(HELD)
    })

    test('all subscribers of a task receive the same events and may disconnect', async () => {
      const [, target] = fixture.targets(role)
      const { id } = await startHeld(target)
      const listeners = [
        await openStream(target, 'subscribe', { id }),
        await openStream(target, 'subscribe', { id }),
        await openStream(target, 'subscribe', { id }),
      ]
      listeners.pop()?.disconnect()
      const working = await ask(target, 'get', { id })
      expect(summarize(working)).toBe('task working')
      target.agent.release(id)
      const [one, other] = await Promise.all(listeners.map(whole))
      expect(String(one?.body)).toContain('worth the wait')
      expect(String(other?.body)).toBe(String(one?.body))
    })

    test('a caller that disconnects cancels no task', async () => {
      const [, target] = fixture.targets(role)
      const stream = await openStream(target, 'stream', dialect.send(dialect.message('hold')))
      const id = taskOf(await stream.firstEvent())
      stream.disconnect()
      expect(summarize(await ask(target, 'get', { id }))).toBe('task working')
      target.agent.release(id)
      await expect.poll(async () => summarize(await ask(target, 'get', { id }))).toBe('task completed')
    })

    test('a canceled task ends its stream', async () => {
      const exchange: Exchange = async (target) => {
        const stream = await openStream(target, 'stream', dialect.send(dialect.message('hold')))
        const canceled = await ask(target, 'cancel', { id: taskOf(await stream.firstEvent()) })
        return [await whole(stream), canceled]
      }
      const [events, canceled] = await expectSame(fixture.targets(role), exchange)
      expect(events && (await summarizeStream(events))).toEqual(['task working', 'status canceled'])
      expect(canceled && summarize(canceled)).toBe('task canceled')
    })
  })

  describe('an agent whose connection breaks', () => {
    const broken = (dialect: Dialect, name: string, headers: Record<string, string>, text: string) => {
      const chunks = text.split('|').map((part) => new TextEncoder().encode(part))
      fixture.scripted.play(name, { status: 200, headers, chunks, breaks: true })
      return request(dialect, 'stream', {}, name)
    }

    test.each([
      ['between two events', V0_3, 'data: {"n":1}\n\n|data: {"n":2}\n\n', ''],
      ['between two events', V1_0, 'data: {"n":1}\r\n\r\n', ''],
      ['in the middle of an event', V0_3, 'data: {"n":1}\n\ndata: {"n":', '\n\n'],
      ['in the middle of an event', V1_0, 'data: {"n":1}\n', '\n\n'],
    ] as const)(
      'a stream that breaks %s ends with an error event, in version $name',
      async (_, dialect, text, closing) => {
        const name = `breaks ${dialect.name} ${text.length}`
        const body = broken(dialect, name, { 'content-type': 'text/event-stream' }, text)
        const [, target] = fixture.targets('scripted')
        const stream = await target.openRpc(body, { ...dialect.headers, [CASE]: name })
        const received = String(await stream.whole())
        const before = text.replaceAll('|', '') + closing
        expect(received.slice(0, before.length)).toBe(before)
        const [, data = ''] = /^data: (.*)\n\n$/.exec(received.slice(before.length)) ?? []
        const { error, id } = JSON.parse(data) as { id: unknown; error: { code: number; data: unknown } }
        expect([id, error.code]).toEqual([name, -32603])
        expect(error.data).toMatchObject(
          dialect === V0_3 ? { reason: 'AGENT_CONNECTION_LOST' } : [{ reason: 'AGENT_CONNECTION_LOST' }],
        )
      },
    )

    // Only with a known length: workerd ends a body of unknown length the same way, complete or not.
    test("an agent that breaks off in a unary answer breaks the caller's connection", async () => {
      const headers = { 'content-type': 'application/json', 'content-length': '60' }
      const body = broken(V0_3, 'half', headers, '{"jsonrpc":"2.0",|"id":1,"res')
      const [, target] = fixture.targets('scripted')
      const answer = await target.openRpc(body, { [CASE]: 'half' })
      await expect(answer.whole()).rejects.toThrow()
    })
  })

  test('a stream that is refused with JSON stays JSON', async () => {
    const headers = { ...V1_0.headers, accept: 'text/event-stream' }
    const [answer] = await expectSame(fixture.targets('v1.0'), async (target) => [
      await target.rpc(request(V1_0, 'subscribe', { id: 'unknown' }), headers),
    ])
    expect(answer && headerOf(answer, 'content-type')).toBe('application/json; charset=utf-8')
    expect(answer && summarize(answer)).toBe('-32001')
  })
}
