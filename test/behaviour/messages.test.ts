// Messages that are accepted to be delivered later: each arrives once and in its order or says why not, and its answer waits
// to be read by those whom it concerns.
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { messages } from '../../drizzle/schema/index.ts'
import { releaseMessages } from '../../lib/messages/deliver.ts'
import { fillQueue } from '../support/full-queue.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'
import { createGate, createScriptedAgent, SCRIPTED_AGENT_IMAGE, reply } from '../support/scripted-agent.ts'

type Headers = Record<string, string>
type View = Json & { id: string; state: string; url: string; message_id: string }

const ADMIN = { authorization: 'Bearer an-admin-of-this-test' }
const HOUR = 3_600_000
const puppet = createScriptedAgent()

let h: Harness
let agent: string
beforeAll(async () => {
  h = await createHarness({
    programs: { [SCRIPTED_AGENT_IMAGE]: puppet.program },
    env: { ADMIN_TOKEN: 'an-admin-of-this-test', A2A_SILENCE_SECONDS: '5', A2A_MAX_BODY_BYTES: '50000' },
  })
  agent = await make()
})
afterAll(() => h.close())
beforeEach(async () => {
  puppet.arrivals.length = 0
  puppet.answer = reply
  await h.setCanRunInBackground(true)
})

async function make(fields: Json = {}): Promise<string> {
  const { body } = await h.request<{ id: string }>('/workspaces', {
    method: 'POST',
    headers: { ...ADMIN, prefer: 'wait=20' },
    json: { name: 'puppet', tier: 2, image: SCRIPTED_AGENT_IMAGE, ...fields },
  })
  // A reconcile that is not over yet would lose its patience when the clock is moved.
  await h.untilIdle()
  return body.id
}

const verb = (id: string, name: string) =>
  h.request(`/workspaces/${id}/${name}`, { method: 'POST', headers: { ...ADMIN, prefer: 'wait=20' } })
const remove = (id: string) => h.request(`/workspaces/${id}`, { method: 'DELETE', headers: ADMIN })
const tokenOf = async (id: string) => ({
  authorization: `Bearer ${await h.tokenOf(id)}`,
})

type Message = { text?: string; messageId?: string; contextId?: string; id?: unknown }
const envelope = ({ id = 1, text = 'hello', ...message }: Message = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'message/send',
  params: {
    message: {
      kind: 'message',
      role: 'user',
      messageId: crypto.randomUUID(),
      parts: [{ kind: 'text', text }],
      ...message,
    },
  },
})

const post = (to: string, json: unknown, headers: Headers = ADMIN, query = '') =>
  h.request<View>(`/workspaces/${to}/a2a${query}`, {
    method: 'POST',
    headers: { ...headers, prefer: 'respond-async' },
    json,
  })

/** Has a message accepted. @returns where it is */
async function send(to: string, message: Message = {}): Promise<string> {
  const { status, headers } = await post(to, envelope(message))
  expect(status).toBe(202)
  return placeOf(headers.get('location'))
}

const placeOf = (location: string | null) => new URL(location ?? '').pathname
const read = (place: string, headers: Headers = ADMIN) => h.request<View>(place, { headers })
const stateOf = async (place: string) => (await read(place)).body.state
const finished = async (place: string) => (await read(place, { ...ADMIN, prefer: 'wait=20' })).body

/** Has a message accepted by a control plane that goes away before it delivers it. */
async function sendAndDie(to: string, message: Message = {}): Promise<string> {
  await h.setCanRunInBackground(false)
  const place = await send(to, message)
  await h.setCanRunInBackground(true)
  return place
}

const rowOf = (place: string) => eq(messages.id, place.split('/').at(-1) ?? '')
const change = (place: string, fields: Partial<typeof messages.$inferInsert>) =>
  h.db.update(messages).set(fields).where(rowOf(place))
const ago = (ms: number) => new Date(h.now().getTime() - ms)

describe('acceptance', () => {
  test('answers 202 at once, with the place of the answer and what Molecule calls it', async () => {
    const gate = createGate()
    puppet.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const json = envelope({ messageId: 'first', contextId: 'a' })
    const { status, headers, body } = await post(agent, json)
    expect(status).toBe(202)
    expect(headers.get('preference-applied')).toBe('respond-async')
    expect(headers.get('location')).toBe(body.url)
    expect(body).toMatchObject({
      queued: true,
      queue_id: body.id,
      queue_depth: 1,
      workspace_id: agent,
      message_id: 'first',
      context_id: 'a',
      method: 'message/send',
      state: 'queued',
      response: null,
    })
    gate.open()
    const done = await read(placeOf(body.url), { ...ADMIN, prefer: 'wait=10' })
    expect(done.headers.get('preference-applied')).toBe('wait=10')
    expect(done.body).toMatchObject({
      state: 'answered',
      attempts: 1,
      failure: null,
      response_status: 200,
      response: { result: { parts: [{ text: 'done: hello' }] } },
      sent_at: expect.any(String),
      finished_at: expect.any(String),
    })
    expect(JSON.parse(puppet.arrivals[0]?.body ?? '')).toEqual(json)
  })

  test('counts what waits', async () => {
    const gate = createGate()
    puppet.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    await send(agent)
    expect((await post(agent, envelope())).body['queue_depth']).toBe(2)
    gate.open()
    await h.untilIdle()
  })

  test.each([
    ['10,000 messages', 10_000, 10],
    ['100 MB', 10, 10_000_000],
  ])(
    'is refused where %s wait already, and who was accepted before is told so again',
    async (_, count, size) => {
      const slow = await make()
      const gate = createGate()
      puppet.answer = async (arrival) => {
        await gate.passed
        return reply(arrival)
      }
      const first = envelope({ messageId: 'first' })
      const { body: accepted } = await post(slow, first)
      await fillQueue(h, slow, count, size)
      const { body, headers, status } = await post(slow, envelope({ messageId: 'one more' }))
      expect(status).toBe(429)
      expect(body).toMatchObject({
        error: { data: { reason: 'TOO_MANY_MESSAGES_WAITING', delivered: 'no' } },
      })
      expect(headers.get('retry-after')).toBe('60')
      expect((await post(slow, first)).body).toMatchObject({ id: accepted.id, queue_depth: count + 1 })
      gate.open()
      await remove(slow)
      await h.untilIdle()
    },
  )

  test('is for sends alone: whatever else prefers it is answered at once', async () => {
    const { status, headers } = await post(agent, { ...envelope(), method: 'tasks/get' })
    expect([status, headers.get('preference-applied')]).toEqual([200, null])
  })

  test('passes on what means something later, and no credential', async () => {
    const place = await send(agent)
    await finished(place)
    const { headers: first } = puppet.arrivals[0]!
    expect(first.get('x-request-id')).toBe(place.split('/').at(-1))
    const said = {
      'a2a-extensions': 'https://example.com/a',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    }
    await post(agent, envelope(), { ...ADMIN, ...said, 'x-custom': 'gone' }, '?A2A-Version=0.3')
    await h.untilIdle()
    const { headers } = puppet.arrivals[1]!
    expect(Object.fromEntries(headers)).toMatchObject({ ...said, 'a2a-version': '0.3' })
    expect(headers.get('authorization')).not.toContain('admin')
    expect(headers.get('x-custom')).toBe(null)
  })

  test.each(['%00', '%0A1.0', '%ED%A0%80', 'x'.repeat(100)])(
    'leaves out a version that no header could carry: %s',
    async (version) => {
      const { status, body } = await post(agent, envelope(), ADMIN, `?A2A-Version=${version}`)
      expect(status).toBe(202)
      expect((await finished(placeOf(body.url))).state).toBe('answered')
      expect(puppet.arrivals[0]?.headers.get('a2a-version')).toBe(null)
    },
  )

  test('takes a message that is nested without end, and its answer', async () => {
    const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    const answer = `{"jsonrpc":"2.0","id":1,"result":{"kind":"message","x":${nested}}}`
    puppet.answer = () => new Response(answer, { headers: { 'content-type': 'application/json' } })
    const text = JSON.stringify(envelope()).replace('"kind"', `"metadata":{"x":${nested}},"kind"`)
    const body = {
      method: 'POST',
      body: text,
      headers: { ...ADMIN, 'content-type': 'application/json', prefer: 'respond-async' },
    }
    const { headers } = await h.request(`/workspaces/${agent}/a2a`, body)
    expect(await finished(placeOf(headers.get('location')))).toMatchObject({
      state: 'answered',
      response: answer,
    })
    expect(puppet.arrivals[0]?.body).toBe(text)
  })

  test('is refused where nothing will ever arrive', async () => {
    const paused = await make()
    await verb(paused, 'pause')
    const removed = await make()
    await remove(removed)
    const failed = await make({ image: 'ghcr.io/molecule-ai/no-such-image' })
    for (const [id, status, reason] of [
      [paused, 409, 'WORKSPACE_PAUSED'],
      [removed, 410, 'WORKSPACE_REMOVED'],
      [failed, 503, 'WORKSPACE_FAILED'],
      [crypto.randomUUID(), 404, 'WORKSPACE_NOT_FOUND'],
    ] as const) {
      const refused = await post(id, envelope({ id: 'mine' }))
      expect([refused.status, refused.body]).toMatchObject([
        status,
        { id: 'mine', error: { data: { reason, delivered: 'no' } } },
      ])
    }
  })
})

describe('the same message again', () => {
  test('is the same message, also after it was answered, and with another id of its frame', async () => {
    const message = { messageId: crypto.randomUUID() }
    const place = await send(agent, message)
    expect(await send(agent, message)).toBe(place)
    await finished(place)
    expect(await send(agent, { ...message, id: 'second attempt' })).toBe(place)
    expect(puppet.arrivals).toHaveLength(1)
  })

  test('may lack a frame, which is made anew each time', async () => {
    const { jsonrpc: _, id: __, ...bare } = envelope()
    const [first, second] = [await post(agent, bare), await post(agent, bare)]
    expect([first.status, second.status]).toEqual([202, 202])
    expect(second.body.id).toBe(first.body.id)
    await h.untilIdle()
    expect(puppet.arrivals).toHaveLength(1)
  })

  test('twenty times at once arrives once', async () => {
    const message = { messageId: crypto.randomUUID() }
    const places = await Promise.all(Array.from({ length: 20 }, () => send(agent, message)))
    expect(new Set(places).size).toBe(1)
    await h.untilIdle()
    expect(await stateOf(places[0]!)).toBe('answered')
    expect(puppet.arrivals).toHaveLength(1)
  })

  test('with other words is refused', async () => {
    const messageId = crypto.randomUUID()
    await send(agent, { messageId, text: 'this' })
    const refused = await post(agent, envelope({ messageId, text: 'that' }))
    expect([refused.status, refused.body]).toMatchObject([
      409,
      { error: { data: { reason: 'MESSAGE_ID_REUSED', delivered: 'no' } } },
    ])
    await h.untilIdle()
    expect(puppet.textsAt(agent)).toEqual(['this'])
  })

  test('of another sender or to another workspace is another message', async () => {
    const other = await make()
    const message = envelope({ messageId: crypto.randomUUID() })
    const answers = [
      await post(agent, message),
      await post(agent, message, await tokenOf(other)),
      await post(other, message),
    ]
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(3)
  })

  test('is found even when its workspace takes no new ones', async () => {
    const id = await make()
    const message = { messageId: crypto.randomUUID() }
    const place = await send(id, message)
    await finished(place)
    await verb(id, 'pause')
    expect(await send(id, message)).toBe(place)
  })

  test('without an id of its own is a new one each time', async () => {
    const { params, ...frame } = envelope()
    const { messageId: _, ...message } = params.message
    const json = { ...frame, params: { message } }
    const [first, second] = [await post(agent, json), await post(agent, json)]
    expect(first.body.id).not.toBe(second.body.id)
    await h.untilIdle()
    expect(new Set(puppet.arrivals.map(({ messageId }) => messageId))).toEqual(
      new Set([first.body.message_id, second.body.message_id]),
    )
  })
})

describe('an answer', () => {
  const answered = async (answer: () => Response) => {
    puppet.answer = answer
    const place = await send(agent)
    return { place, view: await finished(place) }
  }
  const raw = (place: string) => h.fetchRaw(`${place}/response`, { headers: ADMIN })

  test('is kept byte for byte, with its status and type', async () => {
    const text = '{ "jsonrpc":"2.0","id":1, "result":{"n":1.0,"é":9007199254740993} }'
    const type = 'application/json; charset=utf-8'
    const { place, view } = await answered(
      () => new Response(text, { status: 203, headers: { 'content-type': type } }),
    )
    expect(view).toMatchObject({ state: 'answered', response_status: 203 })
    const response = await raw(place)
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      203,
      type,
      text,
    ])
  })

  test('of the agent is an answer even when it is an error', async () => {
    const error = { code: -32001, message: 'no such task' }
    const { place, view } = await answered(() =>
      Response.json({ jsonrpc: '2.0', id: 1, error }, { status: 500 }),
    )
    expect(view).toMatchObject({ state: 'answered', response_status: 500, response: { error } })
    expect((await raw(place)).status).toBe(500)
  })

  test('may be empty', async () => {
    const { place, view } = await answered(() => new Response(null, { status: 204 }))
    expect(view).toMatchObject({ state: 'answered', response_status: 204, response: '' })
    const response = await raw(place)
    expect([response.status, await response.text()]).toEqual([204, ''])
  })

  test('that is a page cannot act in a browser', async () => {
    const { place } = await answered(
      () => new Response('<script>', { status: 202, headers: { 'content-type': 'text/html' } }),
    )
    expect((await raw(place)).headers.get('content-security-policy')).toBe('sandbox')
  })

  test('that is too large is not kept, and the message says so', async () => {
    const { place, view } = await answered(() => Response.json({ result: 'x'.repeat(60_000) }))
    expect(view).toMatchObject({
      state: 'failed',
      failure: { reason: 'INVALID_AGENT_RESPONSE', delivered: 'yes' },
    })
    expect((await raw(place)).status).toBe(404)
  })

  test('is not there before it is', async () => {
    const place = await sendAndDie(agent)
    expect(await read(`${place}/response`)).toMatchObject({
      status: 404,
      body: { error: 'the message is queued and has no answer' },
    })
    expect((await read(place, { ...ADMIN, prefer: 'wait=0' })).body.state).toBe('queued')
    await h.deliver()
    expect(await stateOf(place)).toBe('answered')
  })
})

describe('delivery', () => {
  test('wakes a workspace that sleeps, and happens once', async () => {
    const id = await make()
    await verb(id, 'hibernate')
    const place = await send(id)
    expect(await finished(place)).toMatchObject({ state: 'answered', attempts: 1 })
    await h.deliver()
    expect(puppet.textsAt(id)).toEqual(['hello'])
    expect((await h.request(`/workspaces/${id}`, { headers: ADMIN })).body['status']).toBe('ready')
  })

  test('keeps the order of a context, one at a time, from those that came while it slept', async () => {
    const id = await make()
    await verb(id, 'hibernate')
    let atOnce = 0
    let most = 0
    puppet.answer = async (arrival) => {
      most = Math.max(most, ++atOnce)
      await new Promise((done) => setTimeout(done, 20))
      atOnce--
      return reply(arrival)
    }
    const texts = ['1', '2', '3', '4', '5']
    const places: string[] = []
    for (const text of texts) places.push(await send(id, { text, contextId: 'talk' }))
    await Promise.all([h.deliver(), h.deliver()])
    for (const place of places) expect((await finished(place)).state).toBe('answered')
    expect(puppet.textsAt(id)).toEqual(texts)
    expect(most).toBe(1)
  })

  test('of one context does not wait for another, nor for another workspace', async () => {
    const other = await make()
    const gate = createGate()
    puppet.answer = async (arrival) => {
      if (arrival.text === 'long') await gate.passed
      return reply(arrival)
    }
    const long = await sendAndDie(agent, { text: 'long', contextId: 'a' })
    const behind = await sendAndDie(agent, { text: 'behind', contextId: 'a' })
    const beside = [
      await sendAndDie(agent, { text: 'b1', contextId: 'b' }),
      await sendAndDie(agent, { text: 'b2', contextId: 'b' }),
      await sendAndDie(agent, { text: 'none' }),
      await sendAndDie(other, { text: 'other', contextId: 'a' }),
    ]
    const pass = h.deliver()
    for (const place of beside) expect((await finished(place)).state).toBe('answered')
    expect([await stateOf(long), await stateOf(behind)]).toEqual(['sending', 'queued'])
    gate.open()
    await pass
    expect([await stateOf(long), await stateOf(behind)]).toEqual(['answered', 'answered'])
    expect(puppet.textsAt(agent).filter((text) => text.startsWith('b'))).toEqual(['b1', 'b2', 'behind'])
  })

  test('by many at once happens once', async () => {
    const places: string[] = []
    for (let at = 0; at < 40; at++) places.push(await sendAndDie(agent, { text: `${at}` }))
    await Promise.all(Array.from({ length: 5 }, () => h.deliver()))
    for (const place of places) expect(await stateOf(place)).toBe('answered')
    expect(puppet.textsAt(agent).toSorted()).toEqual(places.map((_, at) => `${at}`).toSorted())
  })

  test.each<[string, () => Response]>([
    [
      'cuts the connection',
      () => {
        throw new TypeError('cut')
      },
    ],
    ['answers with something else', () => new Response('<h1>', { headers: { 'content-type': 'text/html' } })],
  ])('to an agent that takes it and %s is never repeated', async (_what, answer) => {
    puppet.answer = answer
    const place = await send(agent)
    expect(await finished(place)).toMatchObject({
      state: 'unknown',
      response: null,
      failure: { delivered: 'unknown' },
    })
    for (let run = 0; run < 3; run++) {
      h.advance(5 * 60_000)
      await h.deliver()
    }
    expect(await stateOf(place)).toBe('unknown')
    expect(puppet.arrivals).toHaveLength(1)
  })

  test('to an agent that breaks off in the middle has arrived, and has failed', async () => {
    puppet.answer = () => {
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

  test('that the agent refuses as too large is not tried again, and holds nobody up', async () => {
    puppet.answer = (arrival) =>
      arrival.text === 'large' ? new Response('too large', { status: 413 }) : reply(arrival)
    const large = await sendAndDie(agent, { text: 'large', contextId: 'c' })
    const next = await sendAndDie(agent, { text: 'next', contextId: 'c' })
    await h.deliver()
    expect((await read(large)).body).toMatchObject({ state: 'failed', failure: { delivered: 'no' } })
    expect(await stateOf(next)).toBe('answered')
  })

  test('waits for a workspace that is paused after it was accepted', async () => {
    const id = await make()
    const place = await sendAndDie(id)
    await verb(id, 'pause')
    await h.deliver()
    expect(await stateOf(place)).toBe('queued')
    await verb(id, 'resume')
    await h.deliver()
    expect(await stateOf(place)).toBe('answered')
  })

  testInProcess(
    'fetch does not say whether there was a connection',
    'is tried again, and says why, while nothing can have arrived',
    async () => {
      const id = await make()
      const place = await sendAndDie(id)
      const { transport } = h.services
      // As a machine whose port is closed: the connection does not come about.
      h.services.transport = (_request, receiver) => {
        queueMicrotask(() => receiver.failed({ kind: 'refused', cause: undefined }))
        return { pause() {}, resume() {}, abort() {} }
      }
      try {
        const pass = h.deliver()
        await new Promise((done) => setTimeout(done, 50))
        h.advance(10_000)
        await pass
      } finally {
        h.services.transport = transport
      }
      expect((await read(place)).body).toMatchObject({
        state: 'queued',
        sent_at: null,
        failure: { reason: 'AGENT_UNREACHABLE', delivered: 'no' },
      })
      h.advance(10_000)
      await h.deliver()
      expect((await read(place)).body).toMatchObject({ state: 'answered', attempts: 2, failure: null })
      expect(puppet.textsAt(id)).toEqual(['hello'])
    },
  )
})

describe('when a control plane dies', () => {
  test('what it was sending is unknown once its lease is over, and is never sent again', async () => {
    const place = await sendAndDie(agent)
    await change(place, { state: 'sending', attempts: 1, sentAt: ago(1_000), leasedUntil: ago(-60_000) })
    await h.deliver()
    expect(await stateOf(place)).toBe('sending')
    h.advance(61_000)
    await h.deliver()
    expect((await read(place)).body).toMatchObject({
      state: 'unknown',
      failure: { reason: 'AGENT_CONNECTION_LOST', delivered: 'unknown' },
    })
    expect(puppet.arrivals).toEqual([])
  })

  test('what it had only taken up is delivered once its lease is over', async () => {
    const place = await sendAndDie(agent)
    await change(place, { attempts: 1, leasedUntil: ago(-60_000) })
    await h.deliver()
    expect([await stateOf(place), puppet.arrivals]).toEqual(['queued', []])
    h.advance(61_000)
    await h.deliver()
    expect((await read(place)).body).toMatchObject({ state: 'answered', attempts: 2 })
    expect(puppet.arrivals).toHaveLength(1)
  })

  test('one that is alone with its database need not wait', async () => {
    const [taken, sending] = [await sendAndDie(agent), await sendAndDie(agent)]
    await change(taken, { attempts: 1, leasedUntil: ago(-60_000) })
    await change(sending, { state: 'sending', attempts: 1, leasedUntil: ago(-60_000) })
    await releaseMessages(h.db, h.now())
    await h.deliver()
    expect([await stateOf(taken), await stateOf(sending)]).toEqual(['answered', 'unknown'])
  })

  test('a sender that lives keeps its lease for as long as the agent takes', async () => {
    const gate = createGate()
    puppet.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const place = await send(agent)
    await expect.poll(() => stateOf(place)).toBe('sending')
    for (let minutes = 0; minutes < 3; minutes++) {
      h.advance(60_000)
      const until = h.now().getTime() + 60_000
      await expect
        .poll(
          async () => (await h.db.select().from(messages).where(rowOf(place)))[0]?.leasedUntil?.getTime(),
          {
            timeout: 5_000,
          },
        )
        .toBeGreaterThan(until)
      await h.deliver()
      expect(await stateOf(place)).toBe('sending')
    }
    gate.open()
    expect((await finished(place)).state).toBe('answered')
    expect(puppet.arrivals).toHaveLength(1)
  })

  test('an answer that comes to one whose message was settled meanwhile changes nothing', async () => {
    const gate = createGate()
    puppet.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const place = await send(agent)
    await expect.poll(() => stateOf(place)).toBe('sending')
    await change(place, { leasedUntil: ago(1_000) })
    await h.deliver()
    expect(await stateOf(place)).toBe('unknown')
    gate.open()
    await h.untilIdle()
    expect(await stateOf(place)).toBe('unknown')
  })
})

describe('the end', () => {
  test('comes with the workspace', async () => {
    const id = await make()
    const place = await sendAndDie(id)
    await remove(id)
    await h.deliver()
    expect((await read(place)).body).toMatchObject({
      state: 'failed',
      failure: { reason: 'WORKSPACE_REMOVED', delivered: 'no' },
    })
    expect(puppet.arrivals).toEqual([])
  })

  test('comes after the time that delivery is tried', async () => {
    const id = await make()
    const place = await sendAndDie(id)
    h.advance(23 * HOUR)
    await verb(id, 'pause')
    await h.deliver()
    expect(await stateOf(place)).toBe('queued')
    h.advance(HOUR)
    await verb(id, 'resume')
    await h.deliver()
    expect((await read(place)).body).toMatchObject({
      state: 'failed',
      failure: { reason: 'MESSAGE_EXPIRED', delivered: 'no' },
    })
    expect(puppet.arrivals).toEqual([])
  })

  test('is kept for as long as the settings say, and then forgotten', async () => {
    const place = await send(agent)
    await finished(place)
    await h.untilIdle()
    const open = await sendAndDie(agent)
    h.advance(23 * HOUR)
    await h.runRetention()
    expect((await read(place)).status).toBe(200)
    h.advance(HOUR)
    await h.runRetention()
    expect((await read(place)).status).toBe(404)
    expect(await stateOf(open)).toBe('queued')
    await h.deliver()
    expect(await stateOf(open)).toBe('failed')
  })
})

describe('reading', () => {
  test('is for admins, the sender and the receiver, and for nobody else', async () => {
    const [sender, stranger] = [await make(), await make()]
    const { headers } = await post(agent, envelope(), await tokenOf(sender))
    const place = placeOf(headers.get('location'))
    await h.untilIdle()
    for (const door of [place, `${place}/response`]) {
      for (const reader of [ADMIN, await tokenOf(sender), await tokenOf(agent)])
        expect((await read(door, reader)).status).toBe(200)
      expect((await read(door, await tokenOf(stranger))).status).toBe(404)
      expect((await read(door, {})).status).toBe(401)
    }
    expect((await read(place)).body).toMatchObject({ source_id: sender })
    expect(puppet.arrivals[0]?.headers.get('x-workspace-id')).toBe(sender)
    // An admin's messages are no concern of those who may talk to the same agent.
    expect((await read(await send(agent), await tokenOf(sender))).status).toBe(404)
    // Nor is a message found below a workspace that it was not sent to.
    expect((await read(place.replace(agent, sender))).status).toBe(404)
  })

  test('a list shows the newest first, by state, without answers', async () => {
    const id = await make()
    const first = await send(id)
    await finished(first)
    await h.untilIdle()
    const second = await sendAndDie(id)
    const list = async (query = '') =>
      (await h.request<View[]>(`/workspaces/${id}/messages${query}`, { headers: ADMIN })).body
    expect((await list()).map(({ url }) => placeOf(url))).toEqual([second, first])
    expect((await list('?limit=1')).map(({ url }) => placeOf(url))).toEqual([second])
    expect((await list('?state=answered')).map(({ url }) => placeOf(url))).toEqual([first])
    expect(Object.keys((await list())[1] ?? {})).not.toContain('response')
    expect((await read(`/workspaces/${id}/messages`, await tokenOf(id))).status).toBe(200)
    expect((await read(`/workspaces/${id}/messages`, await tokenOf(agent))).status).toBe(404)
    expect((await read(`/workspaces/${crypto.randomUUID()}/messages`)).status).toBe(404)
  })

  test.each([
    ['message', 'messages/nonsense'],
    ['limit', 'messages?limit=0'],
    ['state', 'messages?state=lost'],
  ])('refuses a bad %s: %s', async (field, path) => {
    expect(await read(`/workspaces/${agent}/${path}`)).toMatchObject({
      status: 400,
      body: { errors: [{ field }] },
    })
  })
})
