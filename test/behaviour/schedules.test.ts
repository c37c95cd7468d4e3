// Schedules: messages at the times of a cron expression, once per time, that wake their workspace.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeEach(async () => {
  h = await createHarness()
})
afterEach(() => h.close())

const HOUR = 3_600_000
const call = <Body = Json>(method: string, path: string, json?: Json, headers: Record<string, string> = {}) =>
  h.request<Body>(path, { method, headers, ...(json === undefined ? {} : { json }) })
const DAILY = { name: 'daily', cron: '30 9 * * *', message: 'What region are you running in?' }
const messagesOf = async (id: string) => (await call<Json[]>('GET', `/workspaces/${id}/messages`)).body

async function create(id: string, input: Json = {}): Promise<Json> {
  const { body, status } = await call('POST', `/workspaces/${id}/schedules`, { ...DAILY, ...input })
  if (status !== 201) throw new Error(JSON.stringify(body))
  return body
}

/** Moves the clock to a time of a view. */
const advanceTo = (time: unknown) => h.advance(Date.parse(String(time)) - h.now().getTime())

async function deliver(): Promise<void> {
  await h.deliver()
  await h.untilIdle()
}

describe('runs', () => {
  test('a schedule wakes a sleeping workspace with its message, which is answered', async () => {
    const { id, machine_id } = await h.createWorkspace()
    const { next_run_at } = await create(id)
    expect(new Date(String(next_run_at)).toISOString()).toMatch(/T09:30:00.000Z$/)
    await call('POST', `/workspaces/${id}/hibernate`)
    await h.untilIdle()
    await deliver()
    expect(await messagesOf(id)).toEqual([])
    advanceTo(next_run_at)
    await deliver()
    const [message] = await messagesOf(id)
    expect((await call('GET', `/workspaces/${id}/messages/${String(message?.['id'])}`)).body).toMatchObject({
      state: 'answered',
      response: { result: { parts: [{ text: 'ord' }] } },
    })
    expect((await call('GET', `/workspaces/${id}`)).body).toMatchObject({ status: 'ready', machine_id })
    const tomorrow = new Date(Date.parse(String(next_run_at)) + 24 * HOUR).toISOString()
    expect((await call('GET', `/workspaces/${id}/schedules/daily`)).body).toMatchObject({
      last_run_at: next_run_at,
      last_message_id: message?.['id'],
      last_failure: null,
      next_run_at: tomorrow,
    })
  })

  test('several passes at once send one message per time', async () => {
    const { id } = await h.createWorkspace()
    const { next_run_at } = await create(id)
    advanceTo(next_run_at)
    await Promise.all([h.deliver(), h.deliver(), h.deliver(), h.deliver()])
    await deliver()
    expect(await messagesOf(id)).toHaveLength(1)
  })

  test('times that passed while no process ran are one message', async () => {
    const { id } = await h.createWorkspace()
    await create(id, { cron: '0 * * * *' })
    h.advance(10 * HOUR)
    await deliver()
    await deliver()
    expect(await messagesOf(id)).toHaveLength(1)
    const { next_run_at } = (await call('GET', `/workspaces/${id}/schedules/daily`)).body
    expect(Date.parse(String(next_run_at))).toBeGreaterThan(h.now().getTime())
  })

  test('a paused workspace gets no message, and the schedule and an event say why', async () => {
    const { id } = await h.createWorkspace()
    const { next_run_at } = await create(id)
    await call('POST', `/workspaces/${id}/pause`)
    await h.untilIdle()
    advanceTo(next_run_at)
    await deliver()
    expect(await messagesOf(id)).toEqual([])
    expect((await call('GET', `/workspaces/${id}`)).body).toMatchObject({ status: 'paused' })
    expect((await call('GET', `/workspaces/${id}/schedules/daily`)).body).toMatchObject({
      last_run_at: next_run_at,
      last_message_id: null,
      last_failure: { reason: 'WORKSPACE_PAUSED' },
    })
    const { body } = await call<{ events: Json[] }>('GET', `/events?workspace_id=${id}&types=schedule_missed`)
    expect(body.events).toMatchObject([
      { payload: { schedule: 'daily', due_at: next_run_at, reason: 'WORKSPACE_PAUSED' } },
    ])
  })

  test('a disabled or deleted schedule sends nothing, and one that is enabled again does not repeat missed times', async () => {
    const { id } = await h.createWorkspace()
    await create(id, { cron: '0 * * * *' })
    const path = `/workspaces/${id}/schedules/daily`
    expect((await call('PATCH', path, { enabled: false })).body).toMatchObject({ next_run_at: null })
    h.advance(5 * HOUR)
    await deliver()
    const { next_run_at } = (await call('PATCH', path, { enabled: true })).body
    expect(Date.parse(String(next_run_at))).toBeGreaterThan(h.now().getTime())
    await deliver()
    expect((await call('DELETE', path)).body).toEqual({ status: 'deleted', name: 'daily' })
    h.advance(5 * HOUR)
    await deliver()
    expect(await messagesOf(id)).toEqual([])
    expect((await call('GET', path)).status).toBe(404)
  })
})

describe('clocks that differ', () => {
  test('a schedule that was set back to a time that is over goes on with the next one', async () => {
    const { id } = await h.createWorkspace()
    const { next_run_at: first } = await create(id)
    advanceTo(first)
    await deliver()
    // Changed by a replica whose clock is behind.
    h.advance(-60_000)
    const path = `/workspaces/${id}/schedules/daily`
    expect((await call('PATCH', path, { time_zone: 'Etc/UTC' })).body).toMatchObject({ next_run_at: first })
    advanceTo(first)
    await deliver()
    await deliver()
    expect(await messagesOf(id)).toHaveLength(1)
    const { next_run_at: second } = (await call('GET', path)).body
    expect(Date.parse(String(second)) - Date.parse(String(first))).toBe(24 * HOUR)
  })
})

describe('managing schedules', () => {
  test('times follow the time zone, and a change of it moves the next run', async () => {
    const { id } = await h.createWorkspace()
    const tokyo = await create(id, { time_zone: 'Asia/Tokyo' })
    expect(String(tokyo['next_run_at'])).toMatch(/T00:30:00.000Z$/)
    const { body } = await call('PATCH', `/workspaces/${id}/schedules/daily`, { time_zone: 'Asia/Kolkata' })
    expect(String(body['next_run_at'])).toMatch(/T04:00:00.000Z$/)
  })

  test('an agent manages the schedules of its own workspace, and they end with the workspace', async () => {
    const { id } = await h.createWorkspace()
    const headers = { authorization: `Bearer ${await h.tokenOf(id)}` }
    expect((await call('POST', `/workspaces/${id}/schedules`, DAILY, headers)).body).toMatchObject({
      created_by: `workspace:${id}`,
      time_zone: 'UTC',
      enabled: true,
    })
    expect(await call('POST', `/workspaces/${id}/schedules`, DAILY)).toMatchObject({ status: 409 })
    expect((await call('GET', `/workspaces/${id}/schedules`, undefined, headers)).body).toHaveLength(1)
    await call('DELETE', `/workspaces/${id}`)
    expect((await call('GET', `/workspaces/${id}/schedules`)).status).toBe(404)
  })

  test.each<[string, Json, string]>([
    ['without a cron expression', { cron: '' }, 'cron'],
    ['with seconds', { cron: '0 0 9 * * *' }, 'cron'],
    ['with a date in place of an expression', { cron: '2030-01-01T00:00:00Z' }, 'cron'],
    ['with a day that does not exist', { cron: '0 0 30 2 *' }, 'cron'],
    ['with a field out of range', { cron: '61 0 * * *' }, 'cron'],
    ['with an unknown time zone', { time_zone: 'Mars/Olympus' }, 'time_zone'],
    ['with an empty message', { message: '' }, 'message'],
    ['with a name that no path can have', { name: 'Every Day' }, 'name'],
    ['with an unknown member', { text: 'x' }, 'text'],
  ])('a schedule %s is refused, and the error names the field', async (_, input, field) => {
    const { id } = await h.createWorkspace()
    const { body, status } = await call('POST', `/workspaces/${id}/schedules`, { ...DAILY, ...input })
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining(field)])
  })
})
