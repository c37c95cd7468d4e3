// Event streams: the bytes that the agent sends, as soon as it sends them, for as long as it sends them; and errors before the
// first event, which are no streams at all.
import { describe, expect, test } from 'vitest'
import { CASE } from '../agents/scripted-agent.ts'
import { expectSame, type Talk } from '../support/compare.ts'
import { type Dialect, type Method, request, V0_3, V1_0 } from '../support/dialect.ts'
import { gistOf, gistOfStream } from '../support/summarize.ts'
import type { Road } from '../support/targets.ts'
import type { Stage } from '../support/fixture.ts'
import { taskIdOf } from '../support/task-id.ts'
import { type Answer, headerOf, type OpenAnswer } from '../support/raw-http.ts'
import { SPEAKERS } from './json-rpc-methods.ts'

const whole = async (answer: OpenAnswer): Promise<Answer> => ({ ...answer, body: await answer.whole() })

/** What is heard of a task that is held and let go. */
const HELD = ['task working', 'artifact', 'status completed']

const taskOf = (event: string): string => {
  const [, id] = /"taskId":"([^"]+)"/.exec(event) ?? []
  if (id === undefined) throw new Error(`no task in ${event}`)
  return id
}

export function streams(stage: Stage): void {
  describe.each(SPEAKERS)('of $role, spoken to in $dialect.name:', ({ role, dialect }) => {
    const ask = (road: Road, method: Method, params: object) =>
      road.rpc(request(dialect, method, params, 0), dialect.headers)
    const openStream = (road: Road, method: Method, params: object) =>
      road.openRpc(request(dialect, method, params, 'é"'), {
        ...dialect.headers,
        accept: 'text/event-stream',
      })
    const startHeld = async (road: Road) => {
      const message = dialect.message('hold')
      const answer = await ask(road, 'send', dialect.send(message, { wait: false }))
      return { answer, id: taskIdOf(answer) }
    }

    test.each([
      ['good evening', ['message']],
      ['make', ['task submitted', 'status working', 'artifact', 'status completed']],
      ['chunks', ['task working', 'artifact', 'artifact', 'artifact', 'status completed']],
      ['ask', ['task submitted', 'status input-required']],
      ['fail', ['task submitted', 'status failed']],
    ])('%s streams its events', async (text, gists) => {
      const talk: Talk = async (road) => [await ask(road, 'stream', dialect.send(dialect.message(text)))]
      const [answer] = await expectSame(stage.roads(role), talk)
      expect(answer && headerOf(answer, 'content-type')).toBe('text/event-stream')
      expect(answer && (await gistOfStream(answer))).toEqual(gists)
    })

    test('an agent that throws before its first event answers as its SDK does', async () => {
      const talk: Talk = async (road) => [await ask(road, 'stream', dialect.send(dialect.message('throw')))]
      const [answer] = await expectSame(stage.roads(role), talk)
      expect(String(answer?.body)).toContain('the agent has a bug')
    })

    test('an invalid message is refused as the SDK refuses it', async () => {
      const ofNobody = dialect.message('more', { taskId: 'nobody' })
      const talk: Talk = async (road) => [
        await ask(road, 'stream', dialect.send(ofNobody)),
        await ask(road, 'stream', {}),
        await ask(road, 'subscribe', { id: 'nobody' }),
      ]
      const answers = await expectSame(stage.roads(role), talk)
      const isStream = answers.map(
        (answer) => headerOf(answer, 'content-type')?.startsWith('text/event-stream') === true,
      )
      // Some of them are streams of one error and some are none: each must stay what it is.
      expect(isStream).toContain(role === 'v0.3')
      for (const answer of answers) expect(String(answer.body)).toContain('"error"')
    })

    test('the first event arrives while the agent is still working', async () => {
      for (const road of stage.roads(role)) {
        const stream = await openStream(road, 'stream', dialect.send(dialect.message('hold')))
        const first = await stream.firstEvent()
        expect(first).toMatch(/^data: \{.*working.*\}\n\n$/is)
        road.agent.release(taskOf(first))
        expect(await gistOfStream(await whole(stream))).toEqual(HELD)
      }
    })

    test('a subscription to a task receives its events', async () => {
      const talk: Talk = async (road) => {
        const { answer, id } = await startHeld(road)
        // Its head is there: from now on the agent tells this stream everything.
        const stream = await openStream(road, 'subscribe', { id })
        road.agent.release(id)
        const events = await whole(stream)
        return [answer, events, await ask(road, 'subscribe', { id })]
      }
      const [, events] = await expectSame(stage.roads(role), talk)
      expect(events && (await gistOfStream(events))).toEqual(HELD)
    })

    test('all subscribers of a task receive the same events and may disconnect', async () => {
      const [, road] = stage.roads(role)
      const { id } = await startHeld(road)
      const listeners = [
        await openStream(road, 'subscribe', { id }),
        await openStream(road, 'subscribe', { id }),
        await openStream(road, 'subscribe', { id }),
      ]
      listeners.pop()?.hangUp()
      const working = await ask(road, 'get', { id })
      expect(gistOf(working)).toBe('task working')
      road.agent.release(id)
      const [one, other] = await Promise.all(listeners.map(whole))
      expect(String(one?.body)).toContain('worth the wait')
      expect(String(other?.body)).toBe(String(one?.body))
    })

    test('a caller that disconnects cancels no task', async () => {
      const [, road] = stage.roads(role)
      const stream = await openStream(road, 'stream', dialect.send(dialect.message('hold')))
      const id = taskOf(await stream.firstEvent())
      stream.hangUp()
      expect(gistOf(await ask(road, 'get', { id }))).toBe('task working')
      road.agent.release(id)
      await expect.poll(async () => gistOf(await ask(road, 'get', { id }))).toBe('task completed')
    })

    test('a canceled task ends its stream', async () => {
      const talk: Talk = async (road) => {
        const stream = await openStream(road, 'stream', dialect.send(dialect.message('hold')))
        const canceled = await ask(road, 'cancel', { id: taskOf(await stream.firstEvent()) })
        return [await whole(stream), canceled]
      }
      const [events, canceled] = await expectSame(stage.roads(role), talk)
      expect(events && (await gistOfStream(events))).toEqual(['task working', 'status canceled'])
      expect(canceled && gistOf(canceled)).toBe('task canceled')
    })
  })

  describe('an agent that breaks off', () => {
    const broken = (dialect: Dialect, name: string, headers: Record<string, string>, text: string) => {
      const chunks = text.split('|').map((part) => new TextEncoder().encode(part))
      stage.puppet.play(name, { status: 200, headers, chunks, breaks: true })
      return request(dialect, 'stream', {}, name)
    }

    test.each([
      ['between two events', V0_3, 'data: {"n":1}\n\n|data: {"n":2}\n\n', ''],
      ['between two events', V1_0, 'data: {"n":1}\r\n\r\n', ''],
      ['in the middle of an event', V0_3, 'data: {"n":1}\n\ndata: {"n":', '\n\n'],
      ['in the middle of an event', V1_0, 'data: {"n":1}\n', '\n\n'],
    ] as const)('%s the caller is told, in dialect $name', async (_, dialect, text, closing) => {
      const name = `breaks ${dialect.name} ${text.length}`
      const body = broken(dialect, name, { 'content-type': 'text/event-stream' }, text)
      const [, road] = stage.roads('puppet')
      const stream = await road.openRpc(body, { ...dialect.headers, [CASE]: name })
      const heard = String(await stream.whole())
      const before = text.replaceAll('|', '') + closing
      expect(heard.slice(0, before.length)).toBe(before)
      const [, data = ''] = /^data: (.*)\n\n$/.exec(heard.slice(before.length)) ?? []
      const { error, id } = JSON.parse(data) as { id: unknown; error: { code: number; data: unknown } }
      expect([id, error.code]).toEqual([name, -32603])
      expect(error.data).toMatchObject(
        dialect === V0_3 ? { reason: 'AGENT_CONNECTION_LOST' } : [{ reason: 'AGENT_CONNECTION_LOST' }],
      )
    })

    // Only where the length is known: workerd ends a body of unknown length in the same way, whole or not.
    test("an agent that breaks off in a unary answer breaks the caller's connection", async () => {
      const headers = { 'content-type': 'application/json', 'content-length': '60' }
      const body = broken(V0_3, 'half', headers, '{"jsonrpc":"2.0",|"id":1,"res')
      const [, road] = stage.roads('puppet')
      const answer = await road.openRpc(body, { [CASE]: 'half' })
      await expect(answer.whole()).rejects.toThrow()
    })
  })

  test('a stream that is refused with JSON stays JSON', async () => {
    const headers = { ...V1_0.headers, accept: 'text/event-stream' }
    const [answer] = await expectSame(stage.roads('v1.0'), async (road) => [
      await road.rpc(request(V1_0, 'subscribe', { id: 'nobody' }), headers),
    ])
    expect(answer && headerOf(answer, 'content-type')).toBe('application/json; charset=utf-8')
    expect(answer && gistOf(answer)).toBe('-32001')
  })
}
