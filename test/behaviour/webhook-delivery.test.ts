// Events that are delivered to a receiver in its own process, which verifies each with the `standardwebhooks` library: no event is
// lost, and each arrives once and in order.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { events } from '../../drizzle/schema/index.ts'
import type { Harness, Json } from '../support/harness.ts'
import {
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
const { reset, pass, create, read, patch, deliveries, write, drain, timedOut, accepted } = webhookClient(
  () => h,
  () => receiver,
  () => endpoint,
)
beforeEach(async () => {
  endpoint = await reset()
})

test('the events of a workspace are delivered signed, in order, with the fields of an event', async () => {
  const all = await create({ types: ['*'] })
  await receiver.control({ secrets: [all.secret] })
  const { id } = await h.createWorkspace()
  await h.deliver()
  const delivered = (await accepted()).filter(({ data }) => data.workspace_id === id)
  expect(delivered.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['workspace_created', 'machine_created', 'agent_answered']),
  )
  expect(numbers(delivered)).toEqual(numbers(delivered).toSorted((a, b) => a - b))
  const [first] = delivered
  if (first === undefined) throw new Error('nothing was delivered')
  expect(first).toMatchObject({
    verified: true,
    id: `msg_${all.id.replaceAll('-', '')}_${first.data.seq}`,
    type: 'workspace_created',
    data: { type: 'workspace_created', workspace_id: id, generation: 1, payload: { status: 'provisioning' } },
  })
  expect(first.timestamp).toBe(first.data.at)
  expect(await read(all.id)).toMatchObject({
    pending: 0,
    dead: 0,
    failures: 0,
    last_success_at: expect.any(String),
  })
})

test('* is every type of event but audit, also those about API tokens and endpoints', async () => {
  const all = await create({ types: ['*'] })
  await receiver.control({ secrets: [all.secret] })
  const body = { name: 'seen', scopes: ['read'] }
  const token = await h.request<{ id: string }>('/tokens', { method: 'POST', json: body })
  await h.request(`/tokens/${token.body.id}`, { method: 'DELETE' })
  await h.request(`/webhook-endpoints/${endpoint.id}`, { method: 'PATCH', json: { enabled: false } })
  await h.deliver()
  const types = (await accepted()).map(({ type }) => type)
  expect(types).toEqual(
    expect.arrayContaining(['api_token_created', 'api_token_revoked', 'webhook_endpoint_disabled']),
  )
  expect(types).not.toContain('audit')
})

test('a change is answered without waiting for a slow endpoint', async () => {
  await patch({ types: ['*'] })
  await receiver.control({ delay: 2_000 })
  const began = performance.now()
  const made = await h.request('/workspaces', {
    method: 'POST',
    json: { name: 'x', runtime: 'hermes', tier: 2 },
  })
  expect(made.status).toBe(201)
  expect(performance.now() - began).toBeLessThan(1_500)
  await patch({ enabled: false })
})

test('a receiver that was down for an hour gets every event afterwards, once and in order', async () => {
  const workspaces = workspacesOf(6)
  const seqs = await write(60, workspaces)
  await receiver.control({ status: 503 })
  for (let minute = 0; minute < 60; minute += 4) {
    await h.deliver()
    if (minute % 12 === 0) seqs.push(...(await write(6, workspaces)))
    await pass(4 * MINUTE)
  }
  const tries = (await receiver.received()).length
  // Occasional probes rather than one attempt for every event.
  expect(tries).toBeLessThan(40)
  expect(await read()).toMatchObject({
    enabled: true,
    failing_since: expect.any(String),
    last_failure: { status: 503 },
  })

  await receiver.control({ status: 200 })
  const timedOutBefore = await timedOut()
  await drain(5 * MINUTE, 5)
  const delivered = await accepted()
  expect([...new Set(numbers(delivered))].toSorted((a, b) => a - b)).toEqual(seqs)
  // Only an attempt that timed out on a busy computer is repeated.
  expect(delivered.length).toBeLessThanOrEqual(seqs.length + (await timedOut()) - timedOutBefore)
  for (const one of workspaces) {
    const sequence = numbers(delivered.filter(({ data }) => data.workspace_id === one))
    expect(sequence).toEqual(sequence.toSorted((a, b) => a - b))
  }
  // Every delivery of an event has the same id.
  const ids = new Map<number, Set<string>>()
  for (const { data, id } of await receiver.received())
    ids.set(data.seq, (ids.get(data.seq) ?? new Set()).add(id))
  expect([...ids.values()].every(({ size }) => size === 1)).toBe(true)
  expect(await read()).toMatchObject({ failures: 0, failing_since: null, rests_until: null, pending: 0 })
})

describe('the order of deliveries', () => {
  test('events of a workspace wait behind one that failed, and events of other workspaces do not', async () => {
    const [bad = '', good = ''] = workspacesOf(2)
    await receiver.control({ refuse: [bad] })
    const seqs = await write(8, [bad, good])
    await h.deliver()
    expect((await accepted()).map(({ data }) => data.workspace_id)).toEqual([good, good, good, good])
    expect((await receiver.received()).filter(({ status }) => status === 500)).toHaveLength(1)
    expect((await deliveries()).map(({ attempts }) => attempts)).toEqual([1, 0, 0, 0])

    await receiver.control({ refuse: [] })
    await drain(30_000)
    const delivered = await accepted()
    expect(numbers(delivered).toSorted((a, b) => a - b)).toEqual(seqs)
    expect(numbers(delivered.slice(4))).toEqual(seqs.filter((_, n) => n % 2 === 0))
  })

  test('an unordered endpoint does not wait behind a failed event', async () => {
    await patch({ ordered: false, types: ['machine_created', 'machine_updated'] })
    const [one = ''] = workspacesOf(1)
    await receiver.control({ refuse: ['machine_updated'] })
    await h.db.insert(events).values({ workspaceId: one, type: 'machine_updated', payload: {}, at: h.now() })
    const seqs = await write(5, [one])
    await h.deliver()
    expect(numbers(await accepted()).toSorted((a, b) => a - b)).toEqual(seqs)
    expect(await read()).toMatchObject({ pending: 1 })
  })
})

test('concurrent delivery passes deliver every event to five endpoints once', async () => {
  const others = await Promise.all([create(), create(), create(), create()])
  await receiver.control({ secrets: [endpoint, ...others].map(({ secret }) => secret) })
  const workspaces = workspacesOf(10)
  const seqs = await write(130, workspaces)
  await receiver.control({ delay: 1 })
  const timedOutBefore = await timedOut()
  await Promise.all(Array.from({ length: 4 }, () => h.deliver()))
  const distinct = async () => new Set((await receiver.received()).map(({ id }) => id)).size
  await expect
    .poll(async () => {
      await pass(MINUTE)
      await h.deliver()
      return distinct()
    })
    .toBe(5 * seqs.length)
  const got = await receiver.received()
  // Only an attempt that timed out on a busy computer is repeated, and it may not have arrived.
  expect(got.length).toBeLessThanOrEqual(5 * seqs.length + (await timedOut()) - timedOutBefore)
  for (const workspace of workspaces) {
    const ofOne = got.filter(
      ({ data, id }) => data.workspace_id === workspace && id.includes(endpoint.id.replaceAll('-', '')),
    )
    expect(numbers(ofOne)).toEqual(numbers(ofOne).toSorted((a, b) => a - b))
  }
})

test('both secrets sign during the overlap of a rotation, and only the new one afterwards', async () => {
  const rotate = (json: Json) =>
    h.request<{ secret: string }>(`/webhook-endpoints/${endpoint.id}/rotate-secret`, { method: 'POST', json })
  const { body } = await rotate({ overlap_hours: 2 })
  const attempt = async (secret: string) => {
    await receiver.control({ secrets: [secret] })
    await receiver.clear()
    await write(1)
    await h.deliver()
    return (await receiver.received())[0]
  }
  expect(await attempt(endpoint.secret)).toMatchObject({ verified: true, signatures: 2 })
  expect(await attempt(body.secret)).toMatchObject({ verified: true, signatures: 2 })
  await pass(2 * HOUR + MINUTE)
  expect(await attempt(body.secret)).toMatchObject({ verified: true, signatures: 1 })
  expect(await attempt(endpoint.secret)).toMatchObject({ verified: false })
})

test('an endpoint of one workspace gets no events of other workspaces', async () => {
  const { id } = await h.createWorkspace()
  await patch({ workspace_id: id, types: ['*'] })
  const [seq = 0] = await write(2, [id, crypto.randomUUID()])
  await h.deliver()
  const delivered = await receiver.received()
  expect(delivered.every(({ data }) => data.workspace_id === id)).toBe(true)
  expect(numbers(delivered)).toContain(seq)
})

test('an endpoint that is set back to an earlier event gets the events again, under the same ids', async () => {
  const seqs = await write(3)
  await h.deliver()
  await patch({ after: (seqs[0] ?? 0) - 1 })
  await h.deliver()
  const ids = (await receiver.received()).map(({ id }) => id)
  expect(ids).toHaveLength(6)
  expect(ids.slice(3)).toEqual(ids.slice(0, 3))
})
