// Holds and wake times: what keeps a workspace awake, until when, and what wakes it by itself.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { askRegion, createHarness, type Harness, type HarnessOptions, type Json } from '../support/harness.ts'

let h: Harness
const open = async (options: HarnessOptions = {}) => (h = await createHarness(options))
beforeEach(() => open().then(() => undefined))
afterEach(() => h.close())

const MINUTE = 60_000
const call = (method: string, path: string, json?: Json, headers: Record<string, string> = {}) =>
  h.request(path, { method, headers, ...(json === undefined ? {} : { json }) })
const read = async (id: string) => (await h.request(`/workspaces/${id}`)).body
const hold = (id: string, json: Json, headers?: Record<string, string>) =>
  call('POST', `/workspaces/${id}/holds`, { reason: 'a build runs', ...json }, headers)
const eventsOf = async (id: string, types: string) =>
  (await h.request<{ events: Json[] }>(`/events?workspace_id=${id}&types=${types}`)).body.events

async function sweepLater(ms: number): Promise<void> {
  await h.untilIdle()
  h.advance(ms)
  await h.sweep({ patienceMs: 1_000 })
  await h.untilIdle()
}

describe('holds', () => {
  test('a hold keeps an idle workspace awake until its time, which operators and its own agent may set', async () => {
    const { id } = await h.createWorkspace({ idle_minutes: 5 })
    const token = await h.tokenOf(id)
    const { body, status } = await hold(id, { for_seconds: 3_600 }, { authorization: `Bearer ${token}` })
    expect(status).toBe(201)
    expect(body).toMatchObject({ workspace_id: id, reason: 'a build runs', created_by: `workspace:${id}` })
    const until = new Date(h.now().getTime() + 20 * MINUTE).toISOString()
    expect((await hold(id, { until })).body).toMatchObject({ until, created_by: 'admin' })
    expect((await call('GET', `/workspaces/${id}/holds`)).body).toMatchObject([{ until }, body])

    await sweepLater(59 * MINUTE)
    expect(await read(id)).toMatchObject({ status: 'ready' })
    expect((await call('GET', `/workspaces/${id}/holds`)).body).toEqual([body])
    await sweepLater(2 * MINUTE)
    expect(await read(id)).toMatchObject({ status: 'hibernated' })
    expect((await call('GET', `/workspaces/${id}/holds`)).body).toEqual([])
  })

  test('a hold that is deleted holds no longer, and events record both', async () => {
    const { id } = await h.createWorkspace({ idle_minutes: 5 })
    const { body } = await hold(id, { for_seconds: 3_600 })
    const path = `/workspaces/${id}/holds/${String(body['id'])}`
    expect((await call('DELETE', path)).body).toEqual({ status: 'deleted', id: body['id'] })
    expect((await call('DELETE', path)).status).toBe(404)
    await sweepLater(6 * MINUTE)
    expect(await read(id)).toMatchObject({ status: 'hibernated' })
    expect(await eventsOf(id, 'hold_created,hold_deleted')).toMatchObject([
      { payload: { hold_id: body['id'], reason: 'a build runs' } },
      { payload: { hold_id: body['id'] } },
    ])
  })

  test('a requested hibernation of a held workspace is refused, unless it is forced', async () => {
    const { id } = await h.createWorkspace()
    const { body } = await hold(id, { for_seconds: 60 })
    const refused = await call('POST', `/workspaces/${id}/hibernate`)
    expect(refused).toMatchObject({ status: 409, body: { held_until: body['until'] } })
    expect(await call('POST', `/workspaces/${id}/hibernate?force=true`)).toMatchObject({ status: 200 })
  })

  test('a held workspace whose machine others stop is started again', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await hold(id, { for_seconds: 3_600 })
    await h.untilIdle()
    await h.fly('POST', `/${String(machine_id)}/stop`)
    await h.fly('GET', `/${String(machine_id)}/wait?state=stopped&timeout=5`)
    for (let sweeps = 0; sweeps < 3; sweeps++) await sweepLater(6_000)
    expect(await read(id)).toMatchObject({ status: 'ready', machine_id, machine_state: 'started' })
  })

  test('a hold wakes nothing, and a removed workspace has none', async () => {
    const { id } = await h.createWorkspace()
    await call('POST', `/workspaces/${id}/hibernate`)
    expect((await hold(id, { for_seconds: 60 })).status).toBe(201)
    await sweepLater(1_000)
    expect(await read(id)).toMatchObject({ status: 'hibernated', machine_state: 'suspended' })
    await call('DELETE', `/workspaces/${id}`)
    expect((await hold(id, { for_seconds: 60 })).status).toBe(404)
    expect((await call('GET', `/workspaces/${id}/holds`)).status).toBe(404)
  })

  test.each<[string, Json, string]>([
    ['without a time', {}, 'until'],
    ['with two times', { for_seconds: 1, until: '2099-01-01T00:00:00Z' }, 'until'],
    ['with a time that is over', { until: '2020-01-01T00:00:00Z' }, 'until'],
    ['that is longer than HOLD_MAX_HOURS', { for_seconds: 86_401 }, 'for_seconds'],
    ['without a reason', { for_seconds: 1, reason: ' ' }, 'reason'],
    ['with an unknown member', { for_seconds: 1, seconds: 1 }, 'seconds'],
  ])('a hold %s is refused, and the error names the field', async (_, input, field) => {
    const { id } = await h.createWorkspace()
    const { body, status } = await hold(id, input)
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining(field)])
  })

  test('a workspace has at most twenty holds at the same time', async () => {
    const { id } = await h.createWorkspace()
    for (let n = 0; n < 20; n++) expect((await hold(id, { for_seconds: 60 })).status).toBe(201)
    expect((await hold(id, { for_seconds: 60 })).status).toBe(409)
    h.advance(61_000)
    expect((await hold(id, { for_seconds: 60 })).status).toBe(201)
  })
})

describe('wake_at', () => {
  const inMinutes = (minutes: number) => new Date(h.now().getTime() + minutes * MINUTE).toISOString()

  test('a workspace that is hibernated with wake_at wakes at that time by itself', async () => {
    const { id, machine_id } = await h.createWorkspace()
    const wake_at = inMinutes(30)
    expect((await call('POST', `/workspaces/${id}/hibernate`, { wake_at })).body).toMatchObject({ wake_at })
    await sweepLater(29 * MINUTE)
    expect(await read(id)).toMatchObject({ status: 'hibernated' })
    expect((await h.request(`/workspaces/${id}/explain`)).body).toMatchObject({ next: { at: wake_at } })
    await sweepLater(2 * MINUTE)
    expect(await read(id)).toMatchObject({ status: 'ready', machine_id })
    expect(await eventsOf(id, 'wake_requested')).toMatchObject([{ payload: { cause: 'time' } }])
    // A time that is over wakes nothing a second time.
    await call('POST', `/workspaces/${id}/hibernate`)
    await sweepLater(MINUTE)
    expect(await read(id)).toMatchObject({ status: 'hibernated' })
  })

  test('wake_at is changed and removed by PATCH, and does not end a pause', async () => {
    const { id } = await h.createWorkspace()
    const patch = (wake_at: unknown) => call('PATCH', `/workspaces/${id}`, { wake_at })
    expect((await patch(inMinutes(10))).body).toMatchObject({ needs_restart: false })
    await call('POST', `/workspaces/${id}/pause`)
    await sweepLater(11 * MINUTE)
    expect(await read(id)).toMatchObject({ status: 'paused' })
    await call('POST', `/workspaces/${id}/resume`)
    await sweepLater(1_000)
    await patch(inMinutes(10))
    await call('POST', `/workspaces/${id}/hibernate`)
    await patch(null)
    await sweepLater(11 * MINUTE)
    expect(await read(id)).toMatchObject({ status: 'hibernated', wake_at: null })
    expect((await patch('2020-01-01T00:00:00Z')).status).toBe(400)
    expect((await patch('tomorrow')).status).toBe(400)
  })
})

describe('explain', () => {
  const sleepOf = async (id: string) =>
    (await h.request<{ sleep: Json }>(`/workspaces/${id}/explain`)).body.sleep

  test('explain shows why a workspace is awake, and until when', async () => {
    const { id } = await h.createWorkspace({ idle_minutes: 5 })
    const idle = await sleepOf(id)
    const { last_active_at } = await read(id)
    const sleepsAt = new Date(Date.parse(String(last_active_at)) + 5 * MINUTE).toISOString()
    expect(idle).toMatchObject({
      policy: { idle_minutes: 5, on_outside_stop: 'sleep' },
      idle_since: last_active_at,
      hibernates_at: sleepsAt,
      active_tasks: 0,
      at_work: null,
      holds: [],
      wakes_at: null,
      next_schedule: null,
    })
    const { body } = await hold(id, { for_seconds: 3_600 })
    await call('POST', `/workspaces/${id}/schedules`, { name: 'daily', cron: '0 9 * * *', message: 'x' })
    expect(await sleepOf(id)).toMatchObject({
      hibernates_at: body['until'],
      holds: [{ id: body['id'], reason: 'a build runs' }],
      next_schedule: { name: 'daily', at: expect.stringMatching(/T09:00/) },
      because: [
        `A hold keeps it awake until ${String(body['until'])}: a build runs`,
        expect.stringContaining(`is hibernated at ${String(body['until'])}`),
      ],
    })
    await h.request('/registry/heartbeat', {
      method: 'POST',
      json: { workspace_id: id, active_tasks: 2 },
      headers: { authorization: `Bearer ${await h.tokenOf(id)}` },
    })
    expect(await sleepOf(id)).toMatchObject({
      idle_since: null,
      hibernates_at: null,
      active_tasks: 2,
      at_work: 'its last heartbeat reported 2 tasks',
    })
  })

  test('explain shows why a workspace sleeps, and what wakes it', async () => {
    const { id, machine_id } = await h.createWorkspace()
    const wake_at = new Date(h.now().getTime() + 30 * MINUTE).toISOString()
    await call('POST', `/workspaces/${id}/hibernate`, { wake_at })
    await h.untilIdle()
    expect(await sleepOf(id)).toMatchObject({
      wakes_at: wake_at,
      because: [
        expect.stringContaining('by request or by its idle policy'),
        `It wakes by itself at ${wake_at} (wake_at).`,
      ],
    })
    await call('POST', `/workspaces/${id}/resume`)
    await sweepLater(1_000)
    await h.fly('POST', `/${String(machine_id)}/stop`)
    await h.fly('GET', `/${String(machine_id)}/wait?state=stopped&timeout=5`)
    await sweepLater(1_000)
    const text = await h.request<string>(`/workspaces/${id}/explain`, { headers: { accept: 'text/plain' } })
    expect(text.body).toMatch(/sleep {4}It sleeps since .* was stopped by request \(source: user\)/)
  })
})

test('reading, observing and listing wake nothing, and cost no request to the machine', async () => {
  const { id, machine_id } = await h.createWorkspace({ idle_minutes: 5 })
  await call('POST', `/workspaces/${id}/hibernate`)
  await sweepLater(1_000)
  const seen = h.outgoing.length
  for (const path of [
    '/workspaces',
    `/workspaces/${id}`,
    `/workspaces/${id}/explain`,
    `/workspaces/${id}/events`,
    `/workspaces/${id}/activity`,
    `/workspaces/${id}/messages`,
    `/workspaces/${id}/holds`,
    `/workspaces/${id}/hooks`,
    `/workspaces/${id}/secrets`,
    `/workspaces/${id}/delegations`,
    `/workspaces/${id}/a2a/.well-known/agent-card.json`,
    `/registry/${id}/peers`,
    '/fleet',
    '/events',
    '/metrics',
    '/rollouts',
  ]) {
    expect([path, (await h.request(path)).status]).toEqual([path, 200])
  }
  await sweepLater(60 * MINUTE)
  expect(await read(id)).toMatchObject({ status: 'hibernated', machine_id, machine_state: 'suspended' })
  expect(h.outgoing.slice(seen).filter(({ url }) => url.startsWith('http://fly-proxy.test'))).toEqual([])
  expect((await call('POST', `/workspaces/${id}/a2a`, askRegion())).status).toBe(200)
})
