// Delegations that an agent carries out by itself and records.
import { beforeAll, describe, expect, test } from 'vitest'
import { ADMIN, delegationClient, DELEGATION_SETTINGS, type Family } from '../support/delegations.ts'
import type { Harness, Json } from '../support/harness.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const { harness, scriptedAgent } = useScriptedHarness(DELEGATION_SETTINGS)

let h: Harness
let family: Family
const { create, createFamily, remove, delegate, record, update, list, rowOf } = delegationClient(
  () => h,
  () => family,
)
beforeAll(async () => {
  h = harness()
  family = await createFamily()
})

describe('recording', () => {
  test('a recorded delegation sends nothing, and its source reports its end', async () => {
    const { peer } = family
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
    expect(scriptedAgent.arrivals).toEqual([])
  })

  test('recording the same delegation ten times at once stores it once', async () => {
    const { peer } = family
    const source = await create()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => record({ delegation_id: 'my/id' }, source)),
    )
    for (const { status, body } of answers)
      expect([status, body]).toEqual([202, { delegation_id: 'my/id', status: 'recorded' }])
    await update(encodeURIComponent('my/id'), { status: 'completed' }, source)
    await record({ delegation_id: 'my/id' }, source)
    expect(await list(source)).toMatchObject([{ delegation_id: 'my/id', status: 'completed' }])
    await h.untilIdle()
    const activity = await h.request<Json[]>(`/workspaces/${source}/activity`, { headers: ADMIN })
    expect(activity.body).toMatchObject([{ method: 'delegate', target_id: peer, summary: 'By myself.' }])
  })

  test('a recorded delegation without an id gets one, and the same id of another source is another delegation', async () => {
    const { boss, peer } = family
    for (const withoutId of [{}, { delegation_id: '' }]) {
      const { body } = await record(withoutId)
      expect(await rowOf(body['delegation_id'])).toMatchObject({ status: 'recorded' })
    }
    const delegation_id = crypto.randomUUID()
    await record({ delegation_id })
    await record({ delegation_id, target_id: boss }, peer)
    await update(delegation_id, { status: 'completed' }, peer)
    expect((await rowOf(delegation_id))?.status).toBe('recorded')
  })

  test('a delegation that we deliver can be neither recorded nor updated by its source', async () => {
    const { peer } = family
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

  test('a long error or preview is cut between two characters', async () => {
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
  ])('recording refuses an invalid %s', async (_what, call, field) => {
    const { status, body } = await call()
    expect([status, body['errors']]).toMatchObject([400, [{ field }]])
  })
})

test('an unknown or removed workspace can neither delegate nor record', async () => {
  const removed = await create()
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
