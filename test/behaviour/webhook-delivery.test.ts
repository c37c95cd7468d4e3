// Events told to a receiver in a process of its own, which verifies each with the `standardwebhooks` library: none is lost, each
// comes once under its id and in order, whatever the receiver does meanwhile.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { events } from '../../drizzle/schema/index.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { type Receiver, startReceiver } from '../support/webhook-receiver.ts'

const HOST = 'https://receiver.example'
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

type Endpoint = Json & { id: string; secret: string }

let receiver: Receiver
let h: Harness
let ahead: number
beforeAll(async () => {
  receiver = await startReceiver()
  h = await createHarness({
    env: {
      SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'k').toString('base64'),
      EVENTS_RETENTION_DAYS: '30',
    },
    hosts: { [HOST]: (request) => receiver.forward(request) },
  })
  ahead = 0
})
afterAll(async () => {
  await h.close()
  await receiver.close()
})

/** The clocks of both sides go on. */
async function pass(ms: number) {
  h.advance(ms)
  ahead += ms
  await receiver.control({ ahead })
}

let endpoint: Endpoint
beforeEach(async () => {
  await h.untilIdle()
  for (const { id } of (await h.request<Endpoint[]>('/webhook-endpoints')).body) {
    await h.request(`/webhook-endpoints/${id}`, { method: 'DELETE' })
  }
  endpoint = await create()
  await receiver.control({
    secrets: [endpoint.secret],
    status: 204,
    headers: {},
    body: '',
    delay: 0,
    refuse: [],
  })
  await receiver.clear()
})

/** Only the events of these tests, which nothing else writes. */
async function create(input: Json = {}): Promise<Endpoint> {
  const { body, status } = await h.request<Endpoint>('/webhook-endpoints', {
    method: 'POST',
    json: { url: `${HOST}/hook`, types: ['machine_created'], ...input },
  })
  expect(status).toBe(201)
  return body
}

const read = async (id = endpoint.id) => (await h.request<Endpoint>(`/webhook-endpoints/${id}`)).body
const patch = (json: Json, id = endpoint.id) =>
  h.request<Endpoint>(`/webhook-endpoints/${id}`, { method: 'PATCH', json })
const deliveries = async (query = '') =>
  (await h.request<Json[]>(`/webhook-endpoints/${endpoint.id}/deliveries${query}`)).body

/** Writes events of these workspaces in turn. @returns their numbers */
async function write(count: number, workspaces: string[] = [crypto.randomUUID()]): Promise<number[]> {
  const rows = Array.from({ length: count }, (_, n) => ({
    workspaceId: workspaces[n % workspaces.length] ?? null,
    type: 'machine_created',
    generation: 1,
    payload: { n },
    at: h.now(),
  }))
  return (await h.db.insert(events).values(rows).returning({ seq: events.seq })).map(({ seq }) => seq)
}

const workspacesOf = (count: number) => Array.from({ length: count }, () => crypto.randomUUID())

/** Passes, with time between them, until the endpoint has nothing to be told. */
async function drain(step: number, most = 200) {
  for (let n = 0; n < most; n++) {
    await h.deliver()
    const { pending, behind, enabled } = await read()
    if (enabled === false || (pending === 0 && behind === 0)) return
    await pass(step)
  }
  throw new Error(`not drained: ${JSON.stringify(await read())}`)
}

/** Attempts that had no answer in time. */
const late = async () => {
  const { body } = await h.request<string>('/metrics')
  return Number(/^molecule_webhook_deliveries_total\{outcome="no_answer"\} (\d+)$/m.exec(body)?.[1] ?? 0)
}

/** What was taken, in the order of its coming. */
const taken = async () => (await receiver.received()).filter(({ status }) => status < 300)
const numbers = (list: { data: { seq: number } }[]) => list.map(({ data }) => data.seq)

test('what happens to a workspace is told, signed, in order, with the members of an event', async () => {
  const all = await create({ types: ['*'] })
  await receiver.control({ secrets: [all.secret] })
  const { id } = await h.createWorkspace()
  await h.deliver()
  const told = (await taken()).filter(({ data }) => data.workspace_id === id)
  expect(told.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['workspace_created', 'machine_created', 'agent_answered']),
  )
  expect(numbers(told)).toEqual(numbers(told).toSorted((a, b) => a - b))
  const [first] = told
  if (first === undefined) throw new Error('nothing was told')
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

test('a change is answered while no endpoint answers', async () => {
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

test('a receiver that is down for an hour is told everything afterwards, once and in order', async () => {
  const own = workspacesOf(6)
  const seqs = await write(60, own)
  await receiver.control({ status: 503 })
  for (let minute = 0; minute < 60; minute += 4) {
    await h.deliver()
    if (minute % 12 === 0) seqs.push(...(await write(6, own)))
    await pass(4 * MINUTE)
  }
  const tries = (await receiver.received()).length
  // A probe now and then, and not one attempt for every event.
  expect(tries).toBeLessThan(40)
  expect(await read()).toMatchObject({
    enabled: true,
    failing_since: expect.any(String),
    last_failure: { status: 503 },
  })

  await receiver.control({ status: 200 })
  await drain(5 * MINUTE, 5)
  const told = await taken()
  expect(numbers(told).toSorted((a, b) => a - b)).toEqual(seqs)
  for (const one of own) {
    const of = numbers(told.filter(({ data }) => data.workspace_id === one))
    expect(of).toEqual(of.toSorted((a, b) => a - b))
  }
  // The same event has the same id, however often it is told.
  const ids = new Map<number, Set<string>>()
  for (const { data, id } of await receiver.received())
    ids.set(data.seq, (ids.get(data.seq) ?? new Set()).add(id))
  expect([...ids.values()].every(({ size }) => size === 1)).toBe(true)
  expect(await read()).toMatchObject({ failures: 0, failing_since: null, rests_until: null, pending: 0 })
})

describe('order', () => {
  test('is kept in a workspace: the later wait for one that failed, and those of others do not', async () => {
    const [bad = '', good = ''] = workspacesOf(2)
    await receiver.control({ refuse: [bad] })
    const seqs = await write(8, [bad, good])
    await h.deliver()
    expect((await taken()).map(({ data }) => data.workspace_id)).toEqual([good, good, good, good])
    expect((await receiver.received()).filter(({ status }) => status === 500)).toHaveLength(1)
    expect((await deliveries()).map(({ attempts }) => attempts)).toEqual([1, 0, 0, 0])

    await receiver.control({ refuse: [] })
    await drain(30_000)
    const told = await taken()
    expect(numbers(told).toSorted((a, b) => a - b)).toEqual(seqs)
    expect(numbers(told.slice(4))).toEqual(seqs.filter((_, n) => n % 2 === 0))
  })

  test('does not matter where it was not asked for', async () => {
    await patch({ ordered: false, types: ['machine_created', 'machine_updated'] })
    const [one = ''] = workspacesOf(1)
    await receiver.control({ refuse: ['machine_updated'] })
    await h.db.insert(events).values({ workspaceId: one, type: 'machine_updated', payload: {}, at: h.now() })
    const seqs = await write(5, [one])
    await h.deliver()
    expect(numbers(await taken()).toSorted((a, b) => a - b)).toEqual(seqs)
    expect(await read()).toMatchObject({ pending: 1 })
  })
})

test('passes at the same time tell five endpoints everything, and nothing twice', async () => {
  const others = await Promise.all([create(), create(), create(), create()])
  await receiver.control({ secrets: [endpoint, ...others].map(({ secret }) => secret) })
  const own = workspacesOf(10)
  const seqs = await write(130, own)
  await receiver.control({ delay: 1 })
  const lateBefore = await late()
  await Promise.all(Array.from({ length: 4 }, () => h.deliver()))
  await drain(MINUTE)
  const got = await receiver.received()
  // An attempt that a busy computer made time out is made again; nothing else is.
  expect(got).toHaveLength(5 * seqs.length + (await late()) - lateBefore)
  expect(new Set(got.map(({ id }) => id)).size).toBe(5 * seqs.length)
  for (const workspace of own) {
    const ofOne = got.filter(
      ({ data, id }) => data.workspace_id === workspace && id.includes(endpoint.id.replaceAll('-', '')),
    )
    expect(numbers(ofOne)).toEqual(numbers(ofOne).toSorted((a, b) => a - b))
  }
})

describe('an answer', () => {
  test('of 410 disables the endpoint, says so in the log, and loses nothing', async () => {
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
    expect((await taken()).slice(0, 1).map(({ data }) => data)).toMatchObject([
      { type: 'webhook_endpoint_disabled', payload: { endpoint_id: endpoint.id, reason: 'gone' } },
    ])

    await patch({ enabled: false }, watcher.id)
    await receiver.clear()
    expect((await patch({ enabled: true })).body).toMatchObject({ enabled: true, disabled_reason: null })
    await h.deliver()
    expect(numbers(await taken()).slice(0, 3)).toEqual(seqs)
    expect(await taken()).toHaveLength(4)
  })

  test('with Retry-After is taken at its word, and a year is not', async () => {
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
    expect(await taken()).toHaveLength(2)
  })

  test('that redirects is a failure, and is not followed', async () => {
    await receiver.control({ status: 307, headers: { location: 'https://elsewhere.example/' } })
    await write(1)
    await h.deliver()
    expect(await read()).toMatchObject({
      last_failure: { status: 307, message: expect.stringContaining('redirects are not followed') },
    })
    expect(h.outgoing.some(({ url }) => url.includes('elsewhere'))).toBe(false)
  })

  test('that is long is read no further than it helps, and told of', async () => {
    await receiver.control({ status: 400, body: 'no '.repeat(100_000) })
    await write(1)
    await h.deliver()
    const { last_failure: failure } = await read()
    expect((failure as Json)['message']).toMatch(/^answered 400: no no no/)
    expect(String((failure as Json)['message']).length).toBeLessThan(300)
  })

  test('that does not come is not waited for longer than fifteen seconds', async () => {
    // Waiting is twenty times as quick in tests.
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

describe('an event that is not taken for three days', () => {
  test('is a dead letter, holds back no other, and can be replayed', async () => {
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
    expect(numbers(await taken())).toContain(rest[1])

    const path = `/webhook-endpoints/${endpoint.id}/deliveries`
    expect((await h.request(`${path}/${dead}/replay`, { method: 'POST' })).body).toEqual({ replayed: 1 })
    await h.deliver()
    expect((await taken()).at(-1)).toMatchObject({ id: `msg_${endpoint.id.replaceAll('-', '')}_${dead}` })
    expect(await deliveries()).toEqual([])
    expect(await h.request(`${path}/${dead}/replay`, { method: 'POST' })).toMatchObject({ status: 404 })
    expect((await h.request(`${path}/replay`, { method: 'POST' })).body).toEqual({ replayed: 0 })
  })

  test('of one that takes nothing for five days disables it', async () => {
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

test('while a secret is rotated both sign, and afterwards the new one alone', async () => {
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

test('an endpoint of one workspace is told of no other', async () => {
  const { id } = await h.createWorkspace()
  await patch({ workspace_id: id, types: ['*'] })
  const [own = 0] = await write(2, [id, crypto.randomUUID()])
  await h.deliver()
  const told = await receiver.received()
  expect(told.every(({ data }) => data.workspace_id === id)).toBe(true)
  expect(numbers(told)).toContain(own)
})

test('one that is told from an earlier number is told again, under the same ids', async () => {
  const seqs = await write(3)
  await h.deliver()
  await patch({ after: (seqs[0] ?? 0) - 1 })
  await h.deliver()
  const ids = (await receiver.received()).map(({ id }) => id)
  expect(ids).toHaveLength(6)
  expect(ids.slice(3)).toEqual(ids.slice(0, 3))
})

test('what the log had forgotten before it could be told is said, and hinders nothing', async () => {
  await patch({ enabled: false })
  const lost = await write(3)
  await pass(31 * DAY)
  await h.runRetention()
  const [next = 0] = await write(1)
  await patch({ enabled: true })
  await drain(MINUTE)
  expect(numbers(await taken())).toEqual([next])
  expect(await read()).toMatchObject({ missed: { to: lost.at(-1) }, pending: 0 })
})

test('a delivery whose event was forgotten meanwhile is dead, and says why', async () => {
  await receiver.control({ status: 500 })
  const [lost = 0] = await write(1)
  await h.deliver()
  await h.db.delete(events)
  await write(1)
  await receiver.control({ status: 200 })
  await drain(MINUTE)
  expect(await deliveries()).toMatchObject([
    { seq: lost, state: 'dead', type: null, last_failure: { message: expect.stringContaining('forgotten') } },
  ])
  const again = await h.request(`/webhook-endpoints/${endpoint.id}/deliveries/${lost}/replay`, {
    method: 'POST',
  })
  expect(again.status).toBe(410)
})

test('the test button says what became of it', async () => {
  const press = async () =>
    (await h.request(`/webhook-endpoints/${endpoint.id}/test`, { method: 'POST' })).body
  expect(await press()).toMatchObject({ delivered: true, status: 204, message: null, ms: expect.any(Number) })
  expect(await receiver.received()).toMatchObject([
    { verified: true, type: 'webhook_endpoint_test', data: { payload: { endpoint_id: endpoint.id } } },
  ])
  await receiver.control({ status: 404, body: 'no hook here' })
  expect(await press()).toMatchObject({
    delivered: false,
    status: 404,
    message: 'answered 404: no hook here',
  })
  await patch({ url: 'https://nowhere.example/' })
  expect(await press()).toMatchObject({ delivered: false, status: null })
})

test('the numbers say what waits, for how long, and what was tried', async () => {
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
