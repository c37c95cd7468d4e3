// Deliveries that fail: responses of the receiver, dead letters, deleted events, and what an operator sees of them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { events } from '../../drizzle/schema/index.ts'
import type { Harness, Json } from '../support/harness.ts'
import {
  DAY,
  type Endpoint,
  HOUR,
  MINUTE,
  numbers,
  openWebhookHarness,
  webhookClient,
  workspacesOf,
} from '../support/webhook-endpoint.ts'
import { type Receiver, startReceiver } from '../support/webhook-receiver.ts'

let receiver: Receiver
let h: Harness
let endpoint: Endpoint
beforeAll(async () => {
  receiver = await startReceiver()
  h = await openWebhookHarness(receiver)
})
afterAll(async () => {
  await h.close()
  await receiver.close()
})
const { reset, pass, create, read, patch, deliveries, write, drain, accepted } = webhookClient(
  () => h,
  () => receiver,
  () => endpoint,
)
beforeEach(async () => {
  endpoint = await reset()
})

describe('responses of a receiver', () => {
  test('a 410 disables the endpoint, is written to the event log, and loses no event', async () => {
    const watcher = await create({ types: ['webhook_endpoint_disabled', 'webhook_endpoint_enabled'] })
    await receiver.control({ status: 410, secrets: [watcher.secret, endpoint.secret] })
    const seqs = await write(3)
    await h.deliver()
    expect(await read()).toMatchObject({
      enabled: false,
      disabled_reason: 'gone',
      last_failure: { status: 410 },
    })
    await write(1)
    await pass(HOUR)
    await h.deliver()
    expect((await receiver.received()).filter(({ type }) => type === 'machine_created')).toHaveLength(1)

    await receiver.control({ status: 200 })
    await receiver.clear()
    await patch({ enabled: true }, watcher.id)
    await h.deliver()
    expect((await accepted()).slice(0, 1).map(({ data }) => data)).toMatchObject([
      { type: 'webhook_endpoint_disabled', payload: { endpoint_id: endpoint.id, reason: 'gone' } },
    ])

    await patch({ enabled: false }, watcher.id)
    await receiver.clear()
    expect((await patch({ enabled: true })).body).toMatchObject({ enabled: true, disabled_reason: null })
    await h.deliver()
    expect(numbers(await accepted()).slice(0, 3)).toEqual(seqs)
    expect(await accepted()).toHaveLength(4)
  })

  test('a Retry-After is honoured, up to half a day', async () => {
    await receiver.control({ status: 429, headers: { 'retry-after': '1800' } })
    await write(2)
    await h.deliver()
    await pass(29 * MINUTE)
    await h.deliver()
    expect(await receiver.received()).toHaveLength(1)
    await pass(2 * MINUTE)
    await receiver.control({ headers: { 'retry-after': String(365 * 86_400) } })
    await h.deliver()
    expect(await receiver.received()).toHaveLength(2)
    await pass(12 * HOUR + MINUTE)
    await receiver.control({ status: 200, headers: {} })
    await h.deliver()
    expect(await accepted()).toHaveLength(2)
  })

  test('a redirect is a failure and is not followed', async () => {
    await receiver.control({ status: 307, headers: { location: 'https://elsewhere.example/' } })
    await write(1)
    await h.deliver()
    expect(await read()).toMatchObject({
      last_failure: { status: 307, message: expect.stringContaining('redirects are not followed') },
    })
    expect(h.outgoing.some(({ url }) => url.includes('elsewhere'))).toBe(false)
  })

  test('a long error response is truncated, and its beginning is shown', async () => {
    await receiver.control({ status: 400, body: 'no '.repeat(100_000) })
    await write(1)
    await h.deliver()
    const { last_failure: failure } = await read()
    expect((failure as Json)['message']).toMatch(/^answered 400: no no no/)
    expect(String((failure as Json)['message']).length).toBeLessThan(300)
  })

  test('a delivery times out after fifteen seconds', async () => {
    // Sleeps are twenty times shorter in tests.
    await receiver.control({ delay: 3_000 })
    await write(1)
    const began = performance.now()
    await h.deliver()
    expect(performance.now() - began).toBeLessThan(2_500)
    expect(await read()).toMatchObject({
      last_failure: { status: null, message: 'did not answer within 15 s' },
    })
  })
})

describe('events that are refused for days', () => {
  test('an event that is refused for three days is a dead letter, delays no other event, and can be replayed', async () => {
    const [bad = '', good = ''] = workspacesOf(2)
    await receiver.control({ refuse: [bad] })
    const [dead = 0, ...rest] = await write(3, [bad, good])
    for (let hours = 0; hours <= 84; hours += 12) {
      await h.deliver()
      await write(1, [good])
      await pass(12 * HOUR)
    }
    await receiver.control({ refuse: [] })
    await h.deliver()
    expect(await deliveries('?state=dead')).toMatchObject([
      {
        seq: dead,
        webhook_id: `msg_${endpoint.id.replaceAll('-', '')}_${dead}`,
        type: 'machine_created',
        workspace_id: bad,
        last_failure: { status: 500 },
        dead_at: expect.any(String),
      },
    ])
    expect(await read()).toMatchObject({ dead: 1, pending: 0, enabled: true })
    expect(numbers(await accepted())).toContain(rest[1])

    const path = `/webhook-endpoints/${endpoint.id}/deliveries`
    expect((await h.request(`${path}/${dead}/replay`, { method: 'POST' })).body).toEqual({ replayed: 1 })
    await h.deliver()
    expect((await accepted()).at(-1)).toMatchObject({ id: `msg_${endpoint.id.replaceAll('-', '')}_${dead}` })
    expect(await deliveries()).toEqual([])
    expect(await h.request(`${path}/${dead}/replay`, { method: 'POST' })).toMatchObject({ status: 404 })
    expect((await h.request(`${path}/replay`, { method: 'POST' })).body).toEqual({ replayed: 0 })
  })

  test('an endpoint that accepts nothing for five days is disabled', async () => {
    await receiver.control({ status: 500 })
    await write(1)
    for (let days = 0; days <= 5; days++) {
      await h.deliver()
      await write(1)
      await pass(DAY)
    }
    await h.deliver()
    expect(await read()).toMatchObject({ enabled: false, disabled_reason: 'failing' })
    expect((await h.logs()).some(({ message }) => message === 'a webhook endpoint was disabled')).toBe(true)
  })
})

test('events that were deleted before delivery are reported as missed and delay nothing', async () => {
  await patch({ enabled: false })
  const lost = await write(3)
  await pass(31 * DAY)
  await h.runRetention()
  const [next = 0] = await write(1)
  await patch({ enabled: true })
  await drain(MINUTE)
  expect(numbers(await accepted())).toEqual([next])
  expect(await read()).toMatchObject({ missed: { to: lost.at(-1) }, pending: 0 })
})

test('a delivery whose event was deleted meanwhile is dead and gives the reason', async () => {
  await receiver.control({ status: 500 })
  const [lost = 0] = await write(1)
  await h.deliver()
  await h.db.delete(events)
  await write(1)
  await receiver.control({ status: 200 })
  await drain(MINUTE)
  expect(await deliveries()).toMatchObject([
    { seq: lost, state: 'dead', type: null, last_failure: { message: expect.stringContaining('expired') } },
  ])
  const again = await h.request(`/webhook-endpoints/${endpoint.id}/deliveries/${lost}/replay`, {
    method: 'POST',
  })
  expect(again.status).toBe(410)
})

test('the test of an endpoint returns what the receiver answered', async () => {
  const runTest = async () =>
    (await h.request(`/webhook-endpoints/${endpoint.id}/test`, { method: 'POST' })).body
  expect(await runTest()).toMatchObject({
    delivered: true,
    status: 204,
    message: null,
    ms: expect.any(Number),
  })
  expect(await receiver.received()).toMatchObject([
    { verified: true, type: 'webhook_endpoint_test', data: { payload: { endpoint_id: endpoint.id } } },
  ])
  await receiver.control({ status: 404, body: 'no hook here' })
  expect(await runTest()).toMatchObject({
    delivered: false,
    status: 404,
    message: 'answered 404: no hook here',
  })
  await patch({ url: 'https://nowhere.example/' })
  expect(await runTest()).toMatchObject({ delivered: false, status: null })
})

test('the metrics count pending deliveries, their age and the outcomes', async () => {
  await receiver.control({ status: 500 })
  await write(3, workspacesOf(1))
  await h.deliver()
  await pass(10 * MINUTE)
  await write(2, workspacesOf(1))
  const { body } = await h.request<string>('/metrics')
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body)?.[1])
  expect(value('molecule_webhook_pending')).toBe(3)
  expect(value('molecule_webhook_backlog')).toBeGreaterThanOrEqual(2)
  expect(value('molecule_webhook_oldest_seconds')).toBeGreaterThanOrEqual(600)
  expect(value('molecule_webhook_oldest_seconds')).toBeLessThan(DAY / 1000)
  expect(value('molecule_webhook_deliveries_total{outcome="5xx"}')).toBeGreaterThan(0)
})
