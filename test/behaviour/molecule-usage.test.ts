// MOLECULE_COMPAT: the figures of a workspace in Molecule's canvas: usage of the day, and what the month has cost
// (docs/facts/molecule.md §2.4).
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness({ env: { MOLECULE_COMPAT: 'true' } })
  // Away from the ends of a month and a day, so that no period begins within a test.
  const now = h.now()
  h.advance(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 3, 1) - now.getTime())
})
afterAll(() => h.close())

const get = async (path: string) => (await h.request(path)).body
const HOUR = 3_600_000

test('the tokens of a day are those that the agent reported in its answers', async () => {
  const { id } = await h.createWorkspace()
  const headers = { authorization: `Bearer ${await h.tokenOf(id)}` }
  const report = (json: Json) =>
    h.request(`/workspaces/${id}/activity`, { method: 'POST', headers, json: { status: 'ok', ...json } })
  const answered = (response_body: unknown) =>
    report({ activity_type: 'a2a_receive', method: 'message/send', response_body })
  await answered({ jsonrpc: '2.0', result: { parts: [], usage: { input_tokens: 1_200, output_tokens: 34 } } })
  await answered({ usage: { input_tokens: 800, output_tokens: 6 } })
  await answered({ result: { usage: { input_tokens: 'many', output_tokens: -5 } } })
  await answered({ result: { parts: [] } })
  // What it read of another agent is that agent's usage.
  await report({ activity_type: 'a2a_send', response_body: { usage: { input_tokens: 9, output_tokens: 9 } } })
  await report({ activity_type: 'error', status: 'error', summary: 'timeout' })
  await h.untilIdle()
  expect(await get(`/workspaces/${id}/metrics`)).toMatchObject({
    workspace_id: id,
    input_tokens: 2_000,
    output_tokens: 40,
    total_calls: 2,
    messages: 4,
    errors: 1,
    estimated_cost_usd: expect.stringMatching(/^0\.\d{6}$/) as string,
    period_start: expect.stringMatching(/T00:00:00.000Z$/) as string,
    period_end: expect.stringMatching(/T00:00:00.000Z$/) as string,
  })
  h.advance(24 * HOUR)
  expect(await get(`/workspaces/${id}/metrics`)).toMatchObject({ input_tokens: 0, messages: 0 })
})

test('the cost of a month is that of the machine while it ran, and of the disk, and there is no budget', async () => {
  const { id } = await h.createWorkspace()
  const dollars = async () => Number((await get(`/workspaces/${id}/budget`))['estimated_cost_usd'])
  const { machines } = await get('/fleet')
  const machine = (machines as { workspace_id: string; usd_per_month: number }[]).find(
    (one) => one.workspace_id === id,
  )
  const disk = (await get(`/workspaces/${id}`))['disk'] as { usd_per_month: number }
  const perHour = (month: number) => month / 720
  const before = await dollars()
  h.advance(100 * HOUR)
  const running = (await dollars()) - before
  expect(running).toBeCloseTo(100 * perHour((machine?.usd_per_month ?? 0) + disk.usd_per_month), 2)
  await h.request(`/workspaces/${id}/pause`, { method: 'POST', headers: { prefer: 'wait=20' } })
  const paused = await dollars()
  h.advance(100 * HOUR)
  expect((await dollars()) - paused).toBeCloseTo(100 * perHour(disk.usd_per_month), 2)
  const budget = await get(`/workspaces/${id}/budget`)
  const cents = Math.round((await dollars()) * 100)
  expect(budget).toMatchObject({ budget_limit: null, budget_remaining: null, budget_used: cents })
  expect([budget['monthly_spend'], cents > 0]).toEqual([cents, true])
  const set = (budget_limit: unknown) =>
    h.request(`/workspaces/${id}/budget`, { method: 'PATCH', json: { budget_limit } })
  expect((await set(500)).status).toBe(400)
  expect((await set(null)).body).toMatchObject({ budget_limit: null, budget_used: cents })
})

test('a workspace without a machine costs nothing', async () => {
  const json = { name: 'elsewhere', runtime: 'external' }
  const { body } = await h.request('/workspaces', { method: 'POST', json })
  h.advance(HOUR)
  const path = `/workspaces/${String(body['id'])}`
  expect(await get(`${path}/budget`)).toMatchObject({ budget_used: 0, estimated_cost_usd: '0.000000' })
  expect((await h.request(`/workspaces/${crypto.randomUUID()}/budget`)).status).toBe(404)
})
