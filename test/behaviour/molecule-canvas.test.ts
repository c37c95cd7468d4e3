// MOLECULE_COMPAT: every call that Molecule's canvas sent when it was opened in a browser, a node was moved and each of its 13 tabs
// was opened (docs/facts/molecule.md §9.2): from a page of another origin, with credentials, and answered with what the tab reads.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const ORIGIN = 'http://localhost:3000'

let h: Harness
let id: string
beforeAll(async () => {
  h = await createHarness({ env: { MOLECULE_COMPAT: 'true', CORS_ORIGINS: ORIGIN } })
  const made = await h.createWorkspace({ name: 'Solo', canvas: { x: 700, y: 120 } })
  ;({ id } = made)
})
afterAll(() => h.close())

/** A request of the page; its answer is readable there. */
async function fromPage(method: string, path: string, json?: unknown): Promise<unknown> {
  const response = await h.fetchRaw(path, { method, headers: { origin: ORIGIN }, json })
  expect([path, response.status, response.headers.get('access-control-allow-origin')]).toEqual([
    path,
    200,
    ORIGIN,
  ])
  expect(response.headers.get('access-control-allow-credentials')).toBe('true')
  return response.json()
}

const list = expect.any(Array) as unknown[]
const at = (path: string) => `/workspaces/ID/${path}`

/** What was asked, and the members that the canvas reads of the answer. */
const CALLS: [what: string, path: string, answer: unknown][] = [
  [
    'start',
    '/workspaces',
    [{ name: 'Solo', status: 'online', x: 700, y: 120, collapsed: false, parent_id: null }],
  ],
  ['start', '/canvas/viewport', { x: 0, y: 0, zoom: 1 }],
  ['start', '/approvals/pending', []],
  ['start', '/templates', list],
  ['start', '/settings/secrets', []],
  ['chat', at('activity?type=a2a_receive&source=canvas&limit=50'), []],
  ['activity', at('activity'), []],
  [
    'details',
    '/workspaces/ID',
    { runtime: 'hermes', tier: 2, active_tasks: 0, agent_card: { name: 'Solo' } },
  ],
  ['details', '/registry/ID/peers', []],
  ['details', at('metrics'), { input_tokens: 0, output_tokens: 0, estimated_cost_usd: expect.any(String) }],
  ['details', at('budget'), { budget_limit: null, budget_remaining: null, budget_used: expect.any(Number) }],
  ['skills', at('plugins'), []],
  ['skills', '/plugins', []],
  ['skills', '/plugins/sources', { schemes: [] }],
  ['config', at('files/config.yaml'), { content: expect.stringContaining('runtime: hermes\n') }],
  ['config', at('model'), { model: '', source: 'default' }],
  ['config', at('secrets'), []],
  ['schedule', at('schedules'), []],
  ['channels', at('channels'), []],
  ['channels', '/channels/adapters', []],
  ['files', at('files?root=/configs'), list],
  ['files', at('files?root=/plugins'), []],
  ['memory', at('memories?scope=LOCAL'), []],
  ['traces', at('traces'), { data: [] }],
  ['events', '/events/ID', [{ event_type: 'WORKSPACE_ONLINE' }, { event_type: 'WORKSPACE_PROVISIONING' }]],
  ['audit', at('audit?limit=50'), { entries: [], cursor: null }],
]

test.each(CALLS)('%s: %s is answered as the canvas reads it', async (_, path, answer) => {
  const body = await fromPage('GET', path.replace('ID', id))
  if (answer === list || (Array.isArray(answer) && answer.length === 0)) expect(body).toEqual(answer)
  else expect(body).toMatchObject(answer as Json)
})

describe('what a person does there', () => {
  test('a node that is moved is there after a reload, and so is the viewport', async () => {
    await fromPage('PATCH', `/workspaces/${id}`, { x: 841.5, y: 312.25 })
    await fromPage('PUT', '/canvas/viewport', { x: -10, y: 4, zoom: 0.8 })
    expect(await fromPage('GET', '/workspaces')).toMatchObject([{ x: 841.5, y: 312.25 }])
    expect(await fromPage('GET', '/canvas/viewport')).toEqual({ x: -10, y: 4, zoom: 0.8 })
  })

  test('a chat is answered, and is there after a reload', async () => {
    const parts = [{ kind: 'text', text: 'hello' }]
    const message = { role: 'user', messageId: crypto.randomUUID(), parts }
    const answer = await fromPage('POST', `/workspaces/${id}/a2a`, {
      method: 'message/send',
      params: { message, metadata: { history: [] } },
    })
    expect(answer).toMatchObject({ result: { parts: [{ text: 'Echo: hello' }] } })
    await h.untilIdle()
    const path = `/workspaces/${id}/activity?type=a2a_receive&source=canvas&limit=50`
    expect(await fromPage('GET', path)).toMatchObject([
      {
        status: 'ok',
        request_body: { params: { message: { parts } } },
        response_body: { result: { parts: [{ kind: 'text', text: 'Echo: hello' }] } },
      },
    ])
  })
})
