// Delivering stored messages: each arrives once and in the order of its context, or says why it did not.
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { testInProcess } from '../support/control-plane.ts'
import type { Harness } from '../support/harness.ts'
import { createGate, reply } from '../support/scripted-agent.ts'
import { ADMIN, MESSAGE_SETTINGS, messageClient } from '../support/stored-messages.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const HOUR = 3_600_000
const { harness, scriptedAgent } = useScriptedHarness(MESSAGE_SETTINGS)

let h: Harness
let agent: string
const { create, command, remove, send, sendUndelivered, read, stateOf, finished } = messageClient(() => h)
beforeAll(async () => {
  h = harness()
  agent = await create()
})

describe('delivering', () => {
  test('a message wakes a hibernated workspace and is delivered once', async () => {
    const id = await create()
    await command(id, 'hibernate')
    const path = await send(id)
    expect(await finished(path)).toMatchObject({ state: 'answered', attempts: 1 })
    await h.deliver()
    expect(scriptedAgent.textsAt(id)).toEqual(['hello'])
    expect((await h.request(`/workspaces/${id}`, { headers: ADMIN })).body['status']).toBe('ready')
  })

  test('messages of one context are delivered in order, one at a time, including those sent during hibernation', async () => {
    const id = await create()
    await command(id, 'hibernate')
    let atOnce = 0
    let most = 0
    scriptedAgent.answer = async (arrival) => {
      most = Math.max(most, ++atOnce)
      await delay(20)
      atOnce--
      return reply(arrival)
    }
    const texts = ['1', '2', '3', '4', '5']
    const paths: string[] = []
    for (const text of texts) paths.push(await send(id, { text, contextId: 'talk' }))
    await Promise.all([h.deliver(), h.deliver()])
    for (const path of paths) expect((await finished(path)).state).toBe('answered')
    expect(scriptedAgent.textsAt(id)).toEqual(texts)
    expect(most).toBe(1)
  })

  test('the delivery of one context waits neither for another context nor for another workspace', async () => {
    const other = await create()
    const gate = createGate()
    scriptedAgent.answer = async (arrival) => {
      if (arrival.text === 'long') await gate.passed
      return reply(arrival)
    }
    const long = await sendUndelivered(agent, { text: 'long', contextId: 'a' })
    const behind = await sendUndelivered(agent, { text: 'behind', contextId: 'a' })
    const beside = [
      await sendUndelivered(agent, { text: 'b1', contextId: 'b' }),
      await sendUndelivered(agent, { text: 'b2', contextId: 'b' }),
      await sendUndelivered(agent, { text: 'none' }),
      await sendUndelivered(other, { text: 'other', contextId: 'a' }),
    ]
    const pass = h.deliver()
    for (const path of beside) expect((await finished(path)).state).toBe('answered')
    expect([await stateOf(long), await stateOf(behind)]).toEqual(['sending', 'queued'])
    gate.open()
    await pass
    expect([await stateOf(long), await stateOf(behind)]).toEqual(['answered', 'answered'])
    expect(scriptedAgent.textsAt(agent).filter((text) => text.startsWith('b'))).toEqual([
      'b1',
      'b2',
      'behind',
    ])
  })

  test('messages to a workspace that does not get ready do not delay those to others', async () => {
    const stuck = await create()
    await command(stuck, 'pause')
    const fault = h.emulator.faults.add({ kind: 'answer', action: 'machine.start', status: 503 })
    await h.request(`/workspaces/${stuck}/resume`, { method: 'POST', headers: ADMIN })
    const waiting: string[] = []
    // More than a pass delivers at the same time.
    for (let at = 0; at < 20; at++) waiting.push(await sendUndelivered(stuck, { text: `${at}` }))
    const path = await sendUndelivered(agent)
    const pass = h.deliver()
    expect((await finished(path)).state).toBe('answered')
    h.emulator.faults.remove(fault)
    // The pass waits for the workspace until it is ready.
    h.advance(60_000)
    await h.sweep({ patienceMs: 5_000 })
    await pass
    const states = () => Promise.all(waiting.map(stateOf))
    for (let passes = 0; passes < 50 && (await states()).includes('queued'); passes++) {
      h.advance(60_000)
      await h.sweep({ patienceMs: 5_000 })
      await h.deliver()
    }
    expect(new Set(await states())).toEqual(new Set(['answered']))
    expect(scriptedAgent.textsAt(stuck).toSorted()).toEqual(waiting.map((_, at) => `${at}`).toSorted())
  })

  test('concurrent delivery passes deliver each message once', async () => {
    const paths: string[] = []
    for (let at = 0; at < 40; at++) paths.push(await sendUndelivered(agent, { text: `${at}` }))
    await Promise.all(Array.from({ length: 5 }, () => h.deliver()))
    for (const path of paths) expect(await stateOf(path)).toBe('answered')
    expect(scriptedAgent.textsAt(agent).toSorted()).toEqual(paths.map((_, at) => `${at}`).toSorted())
  })

  test.each<[string, () => Response]>([
    [
      'receives it and cuts the connection',
      () => {
        throw new TypeError('cut')
      },
    ],
    [
      'receives it and answers with HTML',
      () => new Response('<h1>', { headers: { 'content-type': 'text/html' } }),
    ],
  ])('a message to an agent that %s is never sent again', async (_what, answer) => {
    scriptedAgent.answer = answer
    const path = await send(agent)
    expect(await finished(path)).toMatchObject({
      state: 'unknown',
      response: null,
      failure: { delivered: 'unknown' },
    })
    for (let run = 0; run < 3; run++) {
      h.advance(5 * 60_000)
      await h.deliver()
    }
    expect(await stateOf(path)).toBe('unknown')
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test('a message whose response breaks off has arrived and has failed', async () => {
    scriptedAgent.answer = () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('{"jsonrpc"'))
          setTimeout(() => controller.error(new TypeError('cut')), 10)
        },
      })
      return new Response(body, { headers: { 'content-type': 'application/json' } })
    }
    expect(await finished(await send(agent))).toMatchObject({
      state: 'failed',
      failure: { reason: 'AGENT_CONNECTION_LOST', delivered: 'yes' },
      response: null,
    })
  })

  test('a message that the agent refuses as too large is not retried, and the next one is delivered', async () => {
    scriptedAgent.answer = (arrival) =>
      arrival.text === 'large' ? new Response('too large', { status: 413 }) : reply(arrival)
    const large = await sendUndelivered(agent, { text: 'large', contextId: 'c' })
    const next = await sendUndelivered(agent, { text: 'next', contextId: 'c' })
    await h.deliver()
    expect((await read(large)).body).toMatchObject({ state: 'failed', failure: { delivered: 'no' } })
    expect(await stateOf(next)).toBe('answered')
  })

  test('an accepted message waits while its workspace is paused', async () => {
    const id = await create()
    const path = await sendUndelivered(id)
    await command(id, 'pause')
    await h.deliver()
    expect(await stateOf(path)).toBe('queued')
    await command(id, 'resume')
    await h.deliver()
    expect(await stateOf(path)).toBe('answered')
  })

  testInProcess(
    'fetch does not say whether there was a connection',
    'a message that cannot have arrived is retried, and its failure is shown meanwhile',
    async () => {
      const id = await create()
      const path = await sendUndelivered(id)
      const { transport } = h.services
      // Like a machine whose port is closed: there is no connection.
      h.services.transport = (_request, receiver) => {
        queueMicrotask(() => receiver.failed({ kind: 'refused', cause: undefined }))
        return { pause() {}, resume() {}, abort() {}, holdsBody: false }
      }
      try {
        const pass = h.deliver()
        await delay(50)
        h.advance(10_000)
        await pass
      } finally {
        h.services.transport = transport
      }
      expect((await read(path)).body).toMatchObject({
        state: 'queued',
        sent_at: null,
        failure: { reason: 'AGENT_UNREACHABLE', delivered: 'no' },
      })
      h.advance(10_000)
      await h.deliver()
      expect((await read(path)).body).toMatchObject({ state: 'answered', attempts: 2, failure: null })
      expect(scriptedAgent.textsAt(id)).toEqual(['hello'])
    },
  )
})

describe('expiry', () => {
  test('a queued message fails when its workspace is removed', async () => {
    const id = await create()
    const path = await sendUndelivered(id)
    await remove(id)
    await h.deliver()
    expect((await read(path)).body).toMatchObject({
      state: 'failed',
      failure: { reason: 'WORKSPACE_REMOVED', delivered: 'no' },
    })
    expect(scriptedAgent.arrivals).toEqual([])
  })

  test('a queued message fails when it is older than a day', async () => {
    const id = await create()
    const path = await sendUndelivered(id)
    h.advance(23 * HOUR)
    await command(id, 'pause')
    await h.deliver()
    expect(await stateOf(path)).toBe('queued')
    h.advance(HOUR)
    await command(id, 'resume')
    await h.deliver()
    expect((await read(path)).body).toMatchObject({
      state: 'failed',
      failure: { reason: 'MESSAGE_EXPIRED', delivered: 'no' },
    })
    expect(scriptedAgent.arrivals).toEqual([])
  })

  test('a finished message is deleted after the retention period, a queued one is not', async () => {
    const path = await send(agent)
    await finished(path)
    await h.untilIdle()
    const open = await sendUndelivered(agent)
    h.advance(23 * HOUR)
    await h.runRetention()
    expect((await read(path)).status).toBe(200)
    h.advance(HOUR)
    await h.runRetention()
    expect((await read(path)).status).toBe(404)
    expect(await stateOf(open)).toBe('queued')
    await h.deliver()
    expect(await stateOf(open)).toBe('failed')
  })
})
