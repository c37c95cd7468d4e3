// Idempotency keys of delegations: a task is sent once, and a key can be reused only when its task cannot have arrived.
import { eq, sql } from 'drizzle-orm'
import { beforeAll, describe, expect, test } from 'vitest'
import { messages } from '../../drizzle/schema/index.ts'
import { delegationClient, DELEGATION_SETTINGS, type Family } from '../support/delegations.ts'
import type { Harness } from '../support/harness.ts'
import { createGate, reply } from '../support/scripted-agent.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const { harness, scriptedAgent } = useScriptedHarness(DELEGATION_SETTINGS)

let h: Harness
let family: Family
const { create, createFamily, remove, delegate, rowOf, delegateUndelivered } = delegationClient(
  () => h,
  () => family,
)
beforeAll(async () => {
  h = harness()
  family = await createFamily()
})

describe('idempotency keys', () => {
  const statusesOf = (answers: { status: number }[]) => {
    const counts: Record<number, number> = {}
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
    return counts
  }

  test('a repeated idempotency key sends nothing, and returns the state of the first delegation', async () => {
    const { peer } = family
    const key = { idempotency_key: crypto.randomUUID() }
    const gate = createGate()
    scriptedAgent.answer = async (arrival) => {
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
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test('an idempotency key that is used twenty times at once sends one task', async () => {
    const key = { idempotency_key: crypto.randomUUID() }
    const answers = await Promise.all(Array.from({ length: 20 }, () => delegate(key)))
    expect(statusesOf(answers)).toEqual({ 200: 19, 202: 1 })
    expect(new Set(answers.map(({ body }) => body['delegation_id'])).size).toBe(1)
    await h.untilIdle()
    expect(scriptedAgent.arrivals).toHaveLength(1)
    const stored = await h.db
      .select({ id: messages.id })
      .from(messages)
      .where(
        sql`${messages.request} = ${Buffer.from(scriptedAgent.arrivals[0]?.body ?? '').toString('base64')}`,
      )
    expect(stored).toHaveLength(1)
  })

  test('the same idempotency key of another source is another key, and an empty one is none', async () => {
    const { boss, peer } = family
    const key = { idempotency_key: crypto.randomUUID() }
    expect((await delegate(key)).status).toBe(202)
    expect((await delegate({ ...key, target_id: boss }, peer)).status).toBe(202)
    for (const empty of ['', null])
      for (let time = 0; time < 2; time++)
        expect((await delegate({ idempotency_key: empty })).status).toBe(202)
  })

  test('an idempotency key of another target is refused, and does not show that target', async () => {
    const first = await create()
    const key = { idempotency_key: crypto.randomUUID() }
    expect((await delegate({ ...key, target_id: first })).status).toBe(202)
    const again = await delegate(key)
    expect([again.status, again.body['code']]).toEqual([422, 'idempotency_mismatch'])
    expect(JSON.stringify(again.body)).not.toContain(first)
  })

  test('a repeated idempotency key is answered even when the target is removed', async () => {
    const id = await create()
    const key = { target_id: id, idempotency_key: crypto.randomUUID() }
    await delegate(key)
    await h.untilIdle()
    await remove(id)
    expect((await delegate(key)).status).toBe(200)
    expect((await delegate({ target_id: id })).status).toBe(404)
  })

  test('an idempotency key can be reused when its delegation has failed for certain', async () => {
    const key = { idempotency_key: crypto.randomUUID() }
    scriptedAgent.answer = () =>
      Response.json({ jsonrpc: '2.0', id: 1, error: { code: -32000, message: 'busy' } })
    const first = await delegate(key)
    await h.untilIdle()
    expect(await rowOf(first.body['delegation_id'])).toMatchObject({ status: 'failed', error: 'busy' })
    scriptedAgent.answer = reply
    const answers = await Promise.all(Array.from({ length: 5 }, () => delegate(key)))
    expect(statusesOf(answers)).toEqual({ 200: 4, 202: 1 })
    await h.untilIdle()
    expect(scriptedAgent.arrivals).toHaveLength(2)
  })

  test('an idempotency key cannot be reused when the task may have arrived', async () => {
    const [cut, died] = [{ idempotency_key: crypto.randomUUID() }, { idempotency_key: crypto.randomUUID() }]
    scriptedAgent.answer = () => {
      throw new TypeError('cut')
    }
    await delegate(cut)
    await h.untilIdle()
    const id = await delegateUndelivered(died)
    await h.db
      .update(messages)
      .set({ state: 'sending', attempts: 1, leasedUntil: new Date(0) })
      .where(eq(messages.state, 'queued'))
    await h.deliver()
    for (const key of [cut, died])
      expect(await delegate(key)).toMatchObject({ status: 200, body: { status: 'failed' } })
    expect((await rowOf(id))?.['error']).toContain('the control plane stopped')
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })
})
