// Delegating a task to another workspace: what is accepted, what is refused, and what reaches the target.
import { and, eq } from 'drizzle-orm'
import { beforeAll, describe, expect, test } from 'vitest'
import { delegations } from '../../drizzle/schema/index.ts'
import { ADMIN, delegationClient, DELEGATION_SETTINGS, type Family } from '../support/delegations.ts'
import { fillQueue } from '../support/full-queue.ts'
import type { Harness, Json } from '../support/harness.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const { harness, scriptedAgent } = useScriptedHarness(DELEGATION_SETTINGS)

let h: Harness
let family: Family
const { create, createFamily, tokenOf, command, remove, post, delegate, list, rowOf } = delegationClient(
  () => h,
  () => family,
)
beforeAll(async () => {
  h = harness()
  family = await createFamily()
})

describe('delegating', () => {
  test('a delegation is answered with 202 at once, and its task reaches the target in the name of the source', async () => {
    const { boss, peer, token } = family
    const { status, body } = await delegate({}, boss, token)
    expect([status, body]).toEqual([
      202,
      { delegation_id: expect.any(String), status: 'delegated', target_id: peer },
    ])
    await h.untilIdle()
    expect(scriptedAgent.textsAt(peer)).toEqual(['Count to three.'])
    const [arrival] = scriptedAgent.arrivals
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

  test('an admin delegates on behalf of the source, with ids in any case', async () => {
    const { boss, peer } = family
    const { status, body } = await delegate({ target_id: peer.toUpperCase() }, boss.toUpperCase())
    expect([status, body['target_id']]).toEqual([202, peer])
    await h.untilIdle()
    expect(scriptedAgent.arrivals[0]?.headers.get('x-workspace-id')).toBe(boss)
    expect(await rowOf(body['delegation_id'])).toMatchObject({ source_id: boss, status: 'completed' })
  })

  test('a delegation wakes a hibernated target', async () => {
    const id = await create()
    await command(id, 'hibernate')
    const { body } = await delegate({ target_id: id })
    await h.untilIdle()
    expect(scriptedAgent.textsAt(id)).toEqual(['Count to three.'])
    expect((await rowOf(body['delegation_id']))?.status).toBe('completed')
  })

  test('a delegation is a stored message that the source may read', async () => {
    const { boss, peer, token } = family
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
    ['a task that is not text', { task: { a: 1 } }, 'task'],
    ['a task that is too long', { task: 'x'.repeat(1_000_001) }, 'task'],
    ['a key that is too long', { idempotency_key: 'x'.repeat(201) }, 'idempotency_key'],
    ['a key with a NUL', { idempotency_key: '\0' }, 'idempotency_key'],
  ])('a delegation with %s is refused by the name of its field', async (_what, fields, field) => {
    const { status, body } = await delegate(fields)
    expect([status, body['errors']]).toMatchObject([400, [{ field }]])
  })

  test('a delegation of a workspace to itself is refused', async () => {
    const { boss } = family
    for (const target_id of [boss, boss.toUpperCase()]) {
      const { status, body } = await delegate({ target_id })
      expect([status, body]).toMatchObject([
        400,
        { errors: [{ field: 'target_id' }], error: expect.stringContaining('itself') },
      ])
    }
  })

  test('a task that is larger than a message may be is refused', async () => {
    expect((await delegate({ task: 'é'.repeat(250_000) })).status).toBe(413)
    expect((await delegate({ task: 'x'.repeat(400_000) })).status).toBe(202)
  })

  test('a delegation to an unknown, removed or unreachable workspace is refused in the same words, also for an admin', async () => {
    const { boss, peer, child } = family
    const gone = await create()
    await remove(gone)
    for (const headers of [await tokenOf(peer), ADMIN]) {
      for (const target_id of [crypto.randomUUID(), gone, child]) {
        const { status, body } = await delegate({ target_id }, peer, headers)
        expect([status, body]).toMatchObject([
          404,
          {
            error: 'the target is not a workspace that this one may communicate with',
            hint: `GET /registry/${peer}/peers lists them.`,
          },
        ])
      }
    }
    expect((await delegate({ target_id: child })).status).toBe(202)
    expect((await delegate({ target_id: boss }, child, await tokenOf(child))).status).toBe(202)
  })

  test('a delegation to a paused, failed or busy workspace is refused and leaves nothing behind', async () => {
    const { boss } = family
    const paused = await create()
    await command(paused, 'pause')
    const failed = await create({ image: 'ghcr.io/molecule-ai/no-such-image' })
    const busy = await create()
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
    // The key of the refused delegation can still be used.
    expect((await delegate({ idempotency_key: 'later' })).status).toBe(202)
  })

  test('a delegation is recorded in the activity of the source', async () => {
    const { peer } = family
    const source = await create()
    await delegate({ task: 'x'.repeat(5_000) }, source)
    await h.untilIdle()
    const activity = await h.request<Json[]>(`/workspaces/${source}/activity`, { headers: ADMIN })
    expect(activity.body).toMatchObject([
      {
        activity_type: 'a2a_send',
        method: 'delegate',
        source_id: source,
        target_id: peer,
        summary: 'x'.repeat(200),
        status: 'ok',
      },
    ])
  })
})

test('an agent may delegate and record for itself, and not for another workspace', async () => {
  const { boss, peer, token } = family
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
