// What agents ask of each other without waiting for it: sent once, told to whoever asked, and forgotten after days.
import { and, eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { delegations, messages } from '../../drizzle/schema/index.ts'
import { fillQueue } from '../support/full-queue.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { createGate, createScriptedAgent, SCRIPTED_AGENT_IMAGE, reply } from '../support/scripted-agent.ts'

type Headers = Record<string, string>
type Row = Json & { id: string; status: string; summary: string }

const ADMIN = { authorization: 'Bearer an-admin-of-this-test' }
const DAY = 86_400_000
const puppet = createScriptedAgent()

let h: Harness
/** Two that stand at the top and may talk, and one below `boss` that `peer` may not talk to. */
let boss: string
let peer: string
let child: string
let token: Headers
beforeAll(async () => {
  h = await createHarness({
    programs: { [SCRIPTED_AGENT_IMAGE]: puppet.program },
    env: { ADMIN_TOKEN: 'an-admin-of-this-test', ACTIVITY_RETENTION_DAYS: '3', A2A_MAX_BODY_BYTES: '500000' },
  })
  boss = await make()
  peer = await make()
  child = await make({ parent_id: boss })
  token = await tokenOf(boss)
})
afterAll(() => h.close())
beforeEach(async () => {
  puppet.arrivals.length = 0
  puppet.answer = reply
  await h.setCanRunInBackground(true)
  await h.untilIdle()
})

async function make(fields: Json = {}): Promise<string> {
  const { body } = await h.request<{ id: string }>('/workspaces', {
    method: 'POST',
    headers: { ...ADMIN, prefer: 'wait=20' },
    json: { name: 'puppet', tier: 2, image: SCRIPTED_AGENT_IMAGE, ...fields },
  })
  await h.untilIdle()
  return body.id
}

const tokenOf = async (id: string) => ({
  authorization: `Bearer ${await h.tokenOf(id)}`,
})
const verb = (id: string, name: string) =>
  h.request(`/workspaces/${id}/${name}`, { method: 'POST', headers: { ...ADMIN, prefer: 'wait=20' } })
const remove = (id: string) => h.request(`/workspaces/${id}`, { method: 'DELETE', headers: ADMIN })

const post = (path: string, json: Json, headers: Headers = token) =>
  h.request(`/workspaces/${path}`, { method: 'POST', headers, json })
const delegate = (json: Json, from = boss, headers: Headers = ADMIN) =>
  post(`${from}/delegate`, { target_id: peer, task: 'Count to three.', ...json }, headers)
const record = (json: Json, from = boss) =>
  post(`${from}/delegations/record`, { target_id: peer, task: 'By myself.', ...json }, ADMIN)
const update = (id: unknown, json: Json, from = boss) =>
  post(`${from}/delegations/${String(id)}/update`, json, ADMIN)
const list = async (from = boss, query = '') =>
  (await h.request<Row[]>(`/workspaces/${from}/delegations${query}`, { headers: ADMIN })).body
const rowOf = async (id: unknown, from = boss) =>
  (await list(from, '?limit=500')).find((row) => row.id === id)

/** A delegation by a control plane that goes away before it delivers it. */
async function delegateAndDie(json: Json = {}): Promise<unknown> {
  await h.setCanRunInBackground(false)
  const { body } = await delegate(json)
  await h.setCanRunInBackground(true)
  return body['delegation_id']
}

describe('delegate', () => {
  test('answers 202 at once, and the task reaches the target in the name of the source', async () => {
    const { status, body } = await delegate({}, boss, token)
    expect([status, body]).toEqual([
      202,
      { delegation_id: expect.any(String), status: 'delegated', target_id: peer },
    ])
    await h.untilIdle()
    expect(puppet.textsAt(peer)).toEqual(['Count to three.'])
    const [arrival] = puppet.arrivals
    expect(arrival?.headers.get('x-workspace-id')).toBe(boss)
    expect(arrival?.headers.get('content-type')).toBe('application/json')
    expect(arrival?.headers.get('authorization')).not.toBe(token['authorization'])
    expect(JSON.parse(arrival?.body ?? '')).toEqual({
      jsonrpc: '2.0',
      id: expect.any(String),
      method: 'message/send',
      params: {
        message: {
          kind: 'message',
          role: 'user',
          messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          parts: [{ kind: 'text', text: 'Count to three.' }],
          metadata: { delegation_id: body['delegation_id'] },
        },
      },
    })
  })

  test('is the same for an admin who acts for the source, however the ids are written', async () => {
    const { status, body } = await delegate({ target_id: peer.toUpperCase() }, boss.toUpperCase())
    expect([status, body['target_id']]).toEqual([202, peer])
    await h.untilIdle()
    expect(puppet.arrivals[0]?.headers.get('x-workspace-id')).toBe(boss)
    expect(await rowOf(body['delegation_id'])).toMatchObject({ source_id: boss, status: 'completed' })
  })

  test('wakes a target that sleeps', async () => {
    const id = await make()
    await verb(id, 'hibernate')
    const { body } = await delegate({ target_id: id })
    await h.untilIdle()
    expect(puppet.textsAt(id)).toEqual(['Count to three.'])
    expect((await rowOf(body['delegation_id']))?.status).toBe('completed')
  })

  test('keeps a stored message like any other, which the source may read', async () => {
    const { body } = await delegate({ task: 'Read me.' })
    await h.untilIdle()
    const [row] = await h.db
      .select()
      .from(delegations)
      .where(and(eq(delegations.sourceId, boss), eq(delegations.id, String(body['delegation_id']))))
    const path = `/workspaces/${peer}/messages/${row?.message ?? ''}`
    expect((await h.request(path, { headers: token })).body).toMatchObject({
      state: 'answered',
      source_id: boss,
      response: { result: { parts: [{ text: 'done: Read me.' }] } },
    })
  })

  test.each<[string, Json, string]>([
    ['a target that is not a UUID', { target_id: 'bob' }, 'target_id'],
    ['no target', { target_id: undefined }, 'target_id'],
    ['no task', { task: undefined }, 'task'],
    ['an empty task', { task: '' }, 'task'],
    ['a task of spaces', { task: ' \n' }, 'task'],
    ['a task with a NUL', { task: 'a\0b' }, 'task'],
    ['a task with half a surrogate pair', { task: '\ud800' }, 'task'],
    ['a task that is no text', { task: { a: 1 } }, 'task'],
    ['a task that is too long', { task: 'x'.repeat(1_000_001) }, 'task'],
    ['a key that is too long', { idempotency_key: 'x'.repeat(201) }, 'idempotency_key'],
    ['a key with a NUL', { idempotency_key: '\0' }, 'idempotency_key'],
  ])('is refused by field: %s', async (_what, fields, field) => {
    const { status, body } = await delegate(fields)
    expect([status, body['errors']]).toMatchObject([400, [{ field }]])
  })

  test('to itself is refused', async () => {
    for (const target_id of [boss, boss.toUpperCase()]) {
      const { status, body } = await delegate({ target_id })
      expect([status, body]).toMatchObject([
        400,
        { errors: [{ field: 'target_id' }], error: expect.stringContaining('itself') },
      ])
    }
  })

  test('of more than a message may hold is refused', async () => {
    expect((await delegate({ task: 'é'.repeat(250_000) })).status).toBe(413)
    expect((await delegate({ task: 'x'.repeat(400_000) })).status).toBe(202)
  })

  test('to one who is unknown, removed or out of reach is refused in the same words, also for an admin', async () => {
    const gone = await make()
    await remove(gone)
    for (const headers of [await tokenOf(peer), ADMIN]) {
      for (const target_id of [crypto.randomUUID(), gone, child]) {
        const { status, body } = await delegate({ target_id }, peer, headers)
        expect([status, body]).toMatchObject([
          404,
          {
            error: 'there is no such workspace among those that it may talk to',
            hint: `GET /registry/${peer}/peers lists them.`,
          },
        ])
      }
    }
    expect((await delegate({ target_id: child })).status).toBe(202)
    expect((await delegate({ target_id: boss }, child, await tokenOf(child))).status).toBe(202)
  })

  test('to one who is paused, failed or has too much to do is refused, and leaves nothing behind', async () => {
    const paused = await make()
    await verb(paused, 'pause')
    const failed = await make({ image: 'ghcr.io/molecule-ai/no-such-image' })
    const busy = await make()
    await fillQueue(h, busy)
    const before = (await list(boss, '?limit=500')).length
    for (const [target_id, status, body] of [
      [paused, 409, { code: 'conflict', reason: 'WORKSPACE_PAUSED', workspace_status: 'paused' }],
      [failed, 503, { code: 'unavailable', reason: 'WORKSPACE_FAILED', workspace_status: 'failed' }],
      [busy, 429, { code: 'rate_limited', reason: 'TOO_MANY_MESSAGES_WAITING' }],
    ] as const) {
      const refused = await delegate({ target_id, idempotency_key: 'later' })
      expect(refused).toMatchObject({ status, body: { ...body, status } })
      expect(refused.headers.get('content-type')).toBe('application/problem+json')
    }
    await remove(busy)
    expect(await list(boss, '?limit=500')).toHaveLength(before)
    expect((await h.logs()).filter(({ message }) => message === 'a request failed')).toEqual([])
    // The key that was refused is still free.
    expect((await delegate({ idempotency_key: 'later' })).status).toBe(202)
  })

  test('is noted among what the source did', async () => {
    const own = await make()
    await delegate({ task: 'x'.repeat(5_000) }, own)
    await h.untilIdle()
    const activity = await h.request<Json[]>(`/workspaces/${own}/activity`, { headers: ADMIN })
    expect(activity.body).toMatchObject([
      {
        activity_type: 'a2a_send',
        method: 'delegate',
        source_id: own,
        target_id: peer,
        summary: 'x'.repeat(200),
        status: 'ok',
      },
    ])
  })
})

describe('an idempotency key', () => {
  const statusesOf = (answers: { status: number }[]) => {
    const counts: Record<number, number> = {}
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
    return counts
  }

  test('used again sends nothing, and tells what came of the first', async () => {
    const key = { idempotency_key: crypto.randomUUID() }
    const gate = createGate()
    puppet.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const first = (await delegate(key)).body
    const again = { delegation_id: first['delegation_id'], target_id: peer, idempotent_hit: true }
    expect(await delegate(key)).toMatchObject({ status: 200, body: { ...again, status: 'delegated' } })
    gate.open()
    await h.untilIdle()
    const second = await delegate(key)
    expect([second.status, second.body]).toEqual([200, { ...again, status: 'completed' }])
    expect(puppet.arrivals).toHaveLength(1)
  })

  test('used twenty times at once sends one task', async () => {
    const key = { idempotency_key: crypto.randomUUID() }
    const answers = await Promise.all(Array.from({ length: 20 }, () => delegate(key)))
    expect(statusesOf(answers)).toEqual({ 200: 19, 202: 1 })
    expect(new Set(answers.map(({ body }) => body['delegation_id'])).size).toBe(1)
    await h.untilIdle()
    expect(puppet.arrivals).toHaveLength(1)
    const stored = await h.db
      .select({ id: messages.id })
      .from(messages)
      .where(sql`${messages.request} = ${Buffer.from(puppet.arrivals[0]?.body ?? '').toString('base64')}`)
    expect(stored).toHaveLength(1)
  })

  test('of another source is another key; an empty one is none', async () => {
    const key = { idempotency_key: crypto.randomUUID() }
    expect((await delegate(key)).status).toBe(202)
    expect((await delegate({ ...key, target_id: boss }, peer)).status).toBe(202)
    for (const empty of ['', null])
      for (let time = 0; time < 2; time++)
        expect((await delegate({ idempotency_key: empty })).status).toBe(202)
  })

  test('answers also when the target takes no tasks any more', async () => {
    const id = await make()
    const key = { target_id: id, idempotency_key: crypto.randomUUID() }
    await delegate(key)
    await h.untilIdle()
    await remove(id)
    expect((await delegate(key)).status).toBe(200)
    expect((await delegate({ target_id: id })).status).toBe(404)
  })

  test('is free again when its delegation failed for certain', async () => {
    const key = { idempotency_key: crypto.randomUUID() }
    puppet.answer = () => Response.json({ jsonrpc: '2.0', id: 1, error: { code: -32000, message: 'busy' } })
    const first = await delegate(key)
    await h.untilIdle()
    expect(await rowOf(first.body['delegation_id'])).toMatchObject({ status: 'failed', error: 'busy' })
    puppet.answer = reply
    const answers = await Promise.all(Array.from({ length: 5 }, () => delegate(key)))
    expect(statusesOf(answers)).toEqual({ 200: 4, 202: 1 })
    await h.untilIdle()
    expect(puppet.arrivals).toHaveLength(2)
  })

  test('is not free when nobody knows whether the task arrived', async () => {
    const [cut, died] = [{ idempotency_key: crypto.randomUUID() }, { idempotency_key: crypto.randomUUID() }]
    puppet.answer = () => {
      throw new TypeError('cut')
    }
    await delegate(cut)
    await h.untilIdle()
    const id = await delegateAndDie(died)
    await h.db
      .update(messages)
      .set({ state: 'sending', attempts: 1, leasedUntil: new Date(0) })
      .where(eq(messages.state, 'queued'))
    await h.deliver()
    for (const key of [cut, died])
      expect(await delegate(key)).toMatchObject({ status: 200, body: { status: 'failed' } })
    expect((await rowOf(id))?.['error']).toContain('the control plane stopped')
    expect(puppet.arrivals).toHaveLength(1)
  })
})

describe('what came of it', () => {
  const after = async (answer: () => Response | Promise<Response>) => {
    puppet.answer = answer
    const { body } = await delegate({})
    await h.untilIdle()
    return rowOf(body['delegation_id'])
  }

  test('is told with every member that Molecule names', async () => {
    const gate = createGate()
    puppet.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const task = `Do this: ${'ü'.repeat(500)}`
    const { body } = await delegate({ task })
    const row = {
      id: body['delegation_id'],
      type: 'delegation',
      source_id: boss,
      target_id: peer,
      summary: task.slice(0, 200),
      status: 'delegated',
      created_at: expect.any(String),
      delegation_id: body['delegation_id'],
      error: '',
      response_preview: '',
    }
    expect((await list())[0]).toEqual(row)
    gate.open()
    await h.untilIdle()
    expect((await list())[0]).toEqual({ ...row, status: 'completed', response_preview: `done: ${task}` })
  })

  test('is the text of a task that was finished', async () => {
    const task = {
      kind: 'task',
      id: 't',
      status: { state: 'completed' },
      artifacts: [{ parts: [{ kind: 'text', text: '1, 2, 3' }] }],
    }
    expect(await after(() => Response.json({ jsonrpc: '2.0', id: 1, result: task }))).toMatchObject({
      status: 'completed',
      response_preview: '1, 2, 3',
    })
  })

  test('is cut where it is long, between two characters', async () => {
    const text = `x${'😀'.repeat(3_000)}`
    const row = await after(() => reply({ text }))
    const preview = String(row?.['response_preview'])
    expect(preview.length).toBe(4_096)
    expect(preview.isWellFormed()).toBe(true)
  })

  test.each<[string, () => Response | Promise<Response>, string]>([
    [
      'an error',
      () => Response.json({ jsonrpc: '2.0', id: 1, error: { code: -32603, message: 'I cannot count.' } }),
      'I cannot count.',
    ],
    [
      'a bad status',
      () => Response.json({ detail: 'oops' }, { status: 500 }),
      'the agent answered with HTTP 500',
    ],
    [
      'something else',
      () => new Response('<h1>', { headers: { 'content-type': 'text/html' } }),
      'the agent answered with something that is not A2A',
    ],
  ])('is a failure after %s', async (_what, answer, error) => {
    expect(await after(answer)).toMatchObject({ status: 'failed', error, response_preview: '' })
  })

  test('is a failure when the target is removed first', async () => {
    const id = await make()
    const delegation = await delegateAndDie({ target_id: id })
    await remove(id)
    await h.deliver()
    expect(await rowOf(delegation)).toMatchObject({ status: 'failed', error: 'the workspace was removed' })
  })
})

describe('the list', () => {
  test('is an array from the first, with what the workspace itself asked, the newest first', async () => {
    const own = await make()
    expect(await list(own)).toEqual([])
    for (const task of ['1', '2', '3']) await delegate({ task }, own)
    await delegate({ target_id: own }, peer)
    expect((await list(own)).map(({ summary }) => summary)).toEqual(['3', '2', '1'])
    expect((await list(own, '?limit=2')).map(({ summary }) => summary)).toEqual(['3', '2'])
    await remove(own)
    expect(await list(own)).toHaveLength(3)
  })

  test.each(['0', '501', 'many'])('refuses a limit of %s', async (limit) => {
    const { status, body } = await h.request(`/workspaces/${boss}/delegations?limit=${limit}`, {
      headers: ADMIN,
    })
    expect([status, body['errors']]).toMatchObject([400, [{ field: 'limit' }]])
  })
})

describe('record', () => {
  test('keeps what an agent does by itself, sends nothing, and takes its word for the end', async () => {
    const delegation_id = crypto.randomUUID()
    const { status, body } = await record({ delegation_id })
    expect([status, body]).toEqual([202, { delegation_id, status: 'recorded' }])
    expect(await rowOf(delegation_id)).toMatchObject({
      status: 'recorded',
      target_id: peer,
      summary: 'By myself.',
    })
    expect(await update(delegation_id, { status: 'failed', error: 'no answer' })).toMatchObject({
      status: 200,
      body: { status: 'updated' },
    })
    expect(await rowOf(delegation_id)).toMatchObject({ status: 'failed', error: 'no answer' })
    await update(delegation_id, { status: 'completed', error: '', response_preview: '3' })
    expect(await rowOf(delegation_id)).toMatchObject({
      status: 'completed',
      error: '',
      response_preview: '3',
    })
    await h.untilIdle()
    expect(puppet.arrivals).toEqual([])
  })

  test('twice, or ten times at once, is once', async () => {
    const own = await make()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => record({ delegation_id: 'my/own id' }, own)),
    )
    for (const { status, body } of answers)
      expect([status, body]).toEqual([202, { delegation_id: 'my/own id', status: 'recorded' }])
    await update(encodeURIComponent('my/own id'), { status: 'completed' }, own)
    await record({ delegation_id: 'my/own id' }, own)
    expect(await list(own)).toMatchObject([{ delegation_id: 'my/own id', status: 'completed' }])
    await h.untilIdle()
    const activity = await h.request<Json[]>(`/workspaces/${own}/activity`, { headers: ADMIN })
    expect(activity.body).toMatchObject([{ method: 'delegate', target_id: peer, summary: 'By myself.' }])
  })

  test('without an id gives one; the same id of another source is another', async () => {
    for (const none of [{}, { delegation_id: '' }]) {
      const { body } = await record(none)
      expect(await rowOf(body['delegation_id'])).toMatchObject({ status: 'recorded' })
    }
    const delegation_id = crypto.randomUUID()
    await record({ delegation_id })
    await record({ delegation_id, target_id: boss }, peer)
    await update(delegation_id, { status: 'completed' }, peer)
    expect((await rowOf(delegation_id))?.status).toBe('recorded')
  })

  test('of what we carry is refused, and so is news of it', async () => {
    const { body } = await delegate({})
    await h.untilIdle()
    const delegation_id = String(body['delegation_id'])
    expect((await record({ delegation_id })).status).toBe(409)
    expect(await update(delegation_id, { status: 'failed' })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    })
    expect((await rowOf(delegation_id))?.status).toBe('completed')
    expect((await update(crypto.randomUUID(), { status: 'completed' })).status).toBe(404)
    expect((await update(delegation_id, { status: 'completed' }, peer)).status).toBe(404)
  })

  test('cuts what is long', async () => {
    const { body } = await record({})
    const long = `x${'😀'.repeat(3_000)}`
    await update(body['delegation_id'], { status: 'failed', error: long, response_preview: long })
    const row = await rowOf(body['delegation_id'])
    for (const text of [String(row?.['error']), String(row?.['response_preview'])])
      expect([text.length, text.isWellFormed()]).toEqual([4_096, true])
  })

  test.each<[string, () => Promise<{ status: number; body: Json }>, string]>([
    ['target', () => record({ target_id: 'x' }), 'target_id'],
    ['task', () => record({ task: '' }), 'task'],
    ['id', () => record({ delegation_id: 'a\0' }), 'delegation_id'],
    ['id that is too long', () => record({ delegation_id: 'x'.repeat(201) }), 'delegation_id'],
    ['id in the path', () => update('%00', { status: 'failed' }), 'delegation_id'],
    ['status', () => update('x', { status: 'queued' }), 'status'],
    ['error', () => update('x', { status: 'failed', error: '\0' }), 'error'],
    ['preview', () => update('x', { status: 'completed', response_preview: 5 }), 'response_preview'],
  ])('refuses a bad %s', async (_what, call, field) => {
    const { status, body } = await call()
    expect([status, body['errors']]).toMatchObject([400, [{ field }]])
  })
})

test('nobody delegates for a workspace that is unknown or removed', async () => {
  const removed = await make()
  await record({ delegation_id: 'before' }, removed)
  await remove(removed)
  for (const gone of [removed, crypto.randomUUID()]) {
    expect((await delegate({}, gone)).status).toBe(404)
    expect((await record({}, gone)).status).toBe(404)
    expect((await update('before', { status: 'completed' }, gone)).status).toBe(404)
  }
  expect((await h.request(`/workspaces/${crypto.randomUUID()}/delegations`, { headers: ADMIN })).status).toBe(
    404,
  )
})

test('agents may do all of it for themselves, and nothing for others', async () => {
  const mine = await post(`${boss}/delegations/record`, { target_id: peer, task: 'x' })
  expect(mine.status).toBe(202)
  const id = String(mine.body['delegation_id'])
  expect((await post(`${boss}/delegations/${id}/update`, { status: 'completed' })).status).toBe(200)
  expect((await h.request(`/workspaces/${boss}/delegations`, { headers: token })).status).toBe(200)
  for (const path of ['delegate', 'delegations/record', `delegations/${id}/update`]) {
    const body = { target_id: boss, task: 'x', status: 'completed' }
    expect([path, (await post(`${peer}/${path}`, body)).status]).toEqual([path, 404])
  }
  expect((await h.request(`/workspaces/${peer}/delegations`, { headers: token })).status).toBe(404)
})

test('delegations are forgotten after the days of activity, unless they are on their way or have just ended', async () => {
  const own = await make()
  const target = await make()
  await record({ delegation_id: 'recorded' }, own)
  await delegate({ task: 'done' }, own)
  await h.untilIdle()
  await h.setCanRunInBackground(false)
  await delegate({ task: 'waiting', target_id: target }, own)
  await h.setCanRunInBackground(true)
  await h.db.update(messages).set({ expiresAt: new Date(h.now().getTime() + 9 * DAY) })
  const summaries = async () => (await list(own)).map(({ summary }) => summary)
  h.advance(3 * DAY - 60_000)
  await record({ delegation_id: 'young' }, own)
  await h.runRetention()
  expect(await summaries()).toEqual(['By myself.', 'waiting', 'done', 'By myself.'])
  h.advance(11 * 60_000)
  await h.runRetention()
  expect(await summaries()).toEqual(['By myself.', 'waiting'])
  await h.deliver()
  h.advance(11 * 60_000)
  await h.runRetention()
  expect(await list(own)).toMatchObject([
    { summary: 'By myself.' },
    { summary: 'waiting', status: 'completed' },
  ])
  h.advance(4 * DAY)
  await h.runRetention()
  expect(await list(own)).toEqual([])
})
