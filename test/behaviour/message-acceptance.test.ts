// Accepting messages that are stored and delivered later: what is answered with 202, what is refused, and what counts as the
// same message.
import { sql } from 'drizzle-orm'
import { beforeAll, describe, expect, test } from 'vitest'
import { fillQueue } from '../support/full-queue.ts'
import type { Harness, Json } from '../support/harness.ts'
import { createGate, reply } from '../support/scripted-agent.ts'
import { ADMIN, MESSAGE_SETTINGS, envelope, messageClient, pathOf } from '../support/stored-messages.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const { harness, scriptedAgent } = useScriptedHarness(MESSAGE_SETTINGS)

let h: Harness
let agent: string
const { create, command, remove, tokenOf, post, send, read, stateOf, finished } = messageClient(() => h)
beforeAll(async () => {
  h = harness()
  agent = await create()
})

describe('accepting', () => {
  test('a message may be stored when the database breaks off while it stores it', async () => {
    await h.db.execute(sql`create function break_off() returns trigger language plpgsql as
      $$ begin raise exception 'connection lost' using errcode = '08006'; end $$`)
    await h.db.execute(
      sql`create trigger break_off before insert on messages for each row execute function break_off()`,
    )
    const json = envelope({ messageId: 'broken off' })
    try {
      const { body, headers, status } = await h.request<{ error: Json }>(`/workspaces/${agent}/a2a`, {
        method: 'POST',
        headers: { ...ADMIN, prefer: 'respond-async' },
        json,
      })
      expect([status, headers.get('retry-after')]).toEqual([503, '5'])
      expect(body.error).toMatchObject({
        message: expect.stringContaining('the same messageId'),
        data: { reason: 'UNAVAILABLE', delivered: 'unknown' },
      })
    } finally {
      await h.db.execute(sql`drop function break_off cascade`)
    }
    expect((await post(agent, json)).status).toBe(202)
  })

  test('a stored message is answered with 202 at once, with its location and the fields that Molecule names', async () => {
    const gate = createGate()
    scriptedAgent.answer = async (arrival) => {
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
    const done = await read(pathOf(body.url), { ...ADMIN, prefer: 'wait=10' })
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
    expect(JSON.parse(scriptedAgent.arrivals[0]?.body ?? '')).toEqual(json)
  })

  test('the 202 response counts the messages that wait', async () => {
    const gate = createGate()
    scriptedAgent.answer = async (arrival) => {
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
    'a message is refused where %s already wait, and an accepted message is found again',
    async (_, count, size) => {
      const slow = await create()
      const gate = createGate()
      scriptedAgent.answer = async (arrival) => {
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

  test('Prefer: respond-async is ignored for methods other than sending', async () => {
    const { status, headers } = await post(agent, { ...envelope(), method: 'tasks/get' })
    expect([status, headers.get('preference-applied')]).toEqual([200, null])
  })

  test('a stored message is delivered with A2A and trace headers, and without credentials', async () => {
    const path = await send(agent)
    await finished(path)
    const { headers: first } = scriptedAgent.arrivals[0]!
    expect(first.get('x-request-id')).toBe(path.split('/').at(-1))
    const passed = {
      'a2a-extensions': 'https://example.com/a',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    }
    await post(agent, envelope(), { ...ADMIN, ...passed, 'x-custom': 'dropped' }, '?A2A-Version=0.3')
    await h.untilIdle()
    const { headers } = scriptedAgent.arrivals[1]!
    expect(Object.fromEntries(headers)).toMatchObject({ ...passed, 'a2a-version': '0.3' })
    expect(headers.get('authorization')).not.toContain('admin')
    expect(headers.get('x-custom')).toBe(null)
  })

  test.each(['%00', '%0A1.0', '%ED%A0%80', 'x'.repeat(100)])(
    'an A2A-Version that is no valid header value is left out of the delivery: %s',
    async (version) => {
      const { status, body } = await post(agent, envelope(), ADMIN, `?A2A-Version=${version}`)
      expect(status).toBe(202)
      expect((await finished(pathOf(body.url))).state).toBe('answered')
      expect(scriptedAgent.arrivals[0]?.headers.get('a2a-version')).toBe(null)
    },
  )

  test('a deeply nested message and its deeply nested response are stored unchanged', async () => {
    const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    const answer = `{"jsonrpc":"2.0","id":1,"result":{"kind":"message","x":${nested}}}`
    scriptedAgent.answer = () => new Response(answer, { headers: { 'content-type': 'application/json' } })
    const text = JSON.stringify(envelope()).replace('"kind"', `"metadata":{"x":${nested}},"kind"`)
    const body = {
      method: 'POST',
      body: text,
      headers: { ...ADMIN, 'content-type': 'application/json', prefer: 'respond-async' },
    }
    const { headers } = await h.request(`/workspaces/${agent}/a2a`, body)
    expect(await finished(pathOf(headers.get('location')))).toMatchObject({
      state: 'answered',
      response: answer,
    })
    expect(scriptedAgent.arrivals[0]?.body).toBe(text)
  })

  test('a message is refused where the workspace is paused, removed, failed or unknown', async () => {
    const paused = await create()
    await command(paused, 'pause')
    const removed = await create()
    await remove(removed)
    const failed = await create({ image: 'ghcr.io/molecule-ai/no-such-image' })
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

describe('sending the same message again', () => {
  test('the same messageId finds the first message, also after the response and with another JSON-RPC id', async () => {
    const message = { messageId: crypto.randomUUID() }
    const path = await send(agent, message)
    expect(await send(agent, message)).toBe(path)
    await finished(path)
    expect(await send(agent, { ...message, id: 'second attempt' })).toBe(path)
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test('a repeated message without a JSON-RPC envelope is still found', async () => {
    const { jsonrpc: _, id: __, ...bare } = envelope()
    const [first, second] = [await post(agent, bare), await post(agent, bare)]
    expect([first.status, second.status]).toEqual([202, 202])
    expect(second.body.id).toBe(first.body.id)
    await h.untilIdle()
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test('a message that is sent twenty times at once is delivered once', async () => {
    const message = { messageId: crypto.randomUUID() }
    const paths = await Promise.all(Array.from({ length: 20 }, () => send(agent, message)))
    expect(new Set(paths).size).toBe(1)
    await h.untilIdle()
    expect(await stateOf(paths[0]!)).toBe('answered')
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test('a messageId that is reused for another text is refused', async () => {
    const messageId = crypto.randomUUID()
    await send(agent, { messageId, text: 'this' })
    const refused = await post(agent, envelope({ messageId, text: 'that' }))
    expect([refused.status, refused.body]).toMatchObject([
      409,
      { error: { data: { reason: 'MESSAGE_ID_REUSED', delivered: 'no' } } },
    ])
    await h.untilIdle()
    expect(scriptedAgent.textsAt(agent)).toEqual(['this'])
  })

  test('the same messageId from another sender or to another workspace is another message', async () => {
    const other = await create()
    const message = envelope({ messageId: crypto.randomUUID() })
    const answers = [
      await post(agent, message),
      await post(agent, message, await tokenOf(other)),
      await post(other, message),
    ]
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(3)
  })

  test('a repeated message is found even while its workspace is paused', async () => {
    const id = await create()
    const message = { messageId: crypto.randomUUID() }
    const path = await send(id, message)
    await finished(path)
    await command(id, 'pause')
    expect(await send(id, message)).toBe(path)
  })

  test('a message without a messageId is a new message each time', async () => {
    const { params, ...frame } = envelope()
    const { messageId: _, ...message } = params.message
    const json = { ...frame, params: { message } }
    const [first, second] = [await post(agent, json), await post(agent, json)]
    expect(first.body.id).not.toBe(second.body.id)
    await h.untilIdle()
    expect(new Set(scriptedAgent.arrivals.map(({ messageId }) => messageId))).toEqual(
      new Set([first.body.message_id, second.body.message_id]),
    )
  })
})
