// Requests that agents and callers repeat build no SQL: their statements are built once for a database (drizzle/prepared.ts).
import { PgDialect } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, expect, vi } from 'vitest'
import { testInProcess } from '../support/control-plane.ts'
import { askRegion, createHarness, type Harness } from '../support/harness.ts'

const IN_OTHER_PROCESS = 'SQL is observed where it is built'
const ADMIN = 'an-administrator-of-this-test'
const CARD = { name: 'asking', url: 'http://localhost:8000/', protocolVersion: '0.3.0' }
/** Longer than callers, routes, permissions and valid tokens are remembered, in milliseconds. */
const FORGOTTEN_MS = 700_000

let h: Harness
let callers: { id: string; admin: string; agent: string; api: string }
let peer: string
beforeAll(async () => {
  h = await createHarness({ env: { ADMIN_TOKEN: ADMIN } })
  const create = async (name: string) => {
    const { body } = await h.request('/workspaces', {
      method: 'POST',
      json: { name, runtime: 'hermes', slug: name },
      headers: { authorization: `Bearer ${ADMIN}`, prefer: 'wait=30' },
    })
    return String(body['id'])
  }
  const id = await create('asking')
  peer = await create('asked')
  const { body } = await h.request('/tokens', {
    method: 'POST',
    json: { name: 'reader', scopes: ['read'] },
    headers: { authorization: `Bearer ${ADMIN}` },
  })
  callers = { id, admin: ADMIN, agent: await h.tokenOf(id), api: String(body['token']) }
})
afterAll(() => h.close())

/** The SQL that Drizzle builds for some work, and what it leaves behind. */
async function builtDuring(work: () => Promise<unknown>): Promise<string[]> {
  await h.untilIdle()
  const built: string[] = []
  const original = Reflect.get(PgDialect.prototype, 'sqlToQuery')
  const spy = vi.spyOn(PgDialect.prototype, 'sqlToQuery').mockImplementation(function (
    this: PgDialect,
    ...args
  ) {
    const query = original.apply(this, args)
    built.push(query.sql)
    return query
  })
  try {
    await work()
    await h.untilIdle()
    await h.flushActivity()
  } finally {
    spy.mockRestore()
  }
  return built
}

type Caller = 'admin' | 'agent' | 'api'

const send = async (as: Caller, method: string, path: string, json?: unknown, expected = 200) => {
  const { status } = await h.request(path, {
    method,
    headers: { authorization: `Bearer ${callers[as]}` },
    ...(json === undefined ? {} : { json }),
  })
  expect(status).toBe(expected)
}

const REPEATED: Record<string, () => Promise<void>> = {
  'a heartbeat': () =>
    send('agent', 'POST', '/registry/heartbeat', { workspace_id: callers.id, active_tasks: 0 }),
  'a registration': () => send('agent', 'POST', '/registry/register', { id: callers.id, agent_card: CARD }),
  'a create': () =>
    send('admin', 'POST', '/workspaces', { name: 'another', runtime: 'external', role: 'adds' }, 201),
  'a message': () => send('admin', 'POST', `/workspaces/${callers.id}/a2a`, askRegion()),
  'a message to a slug': () => send('admin', 'POST', '/workspaces/asking/a2a', askRegion()),
  'a message between agents': () => send('agent', 'POST', `/workspaces/${peer}/a2a`, askRegion()),
  'reading a workspace with an API token': () => send('api', 'GET', `/workspaces/${callers.id}`),
  'an explanation': () => send('admin', 'GET', `/workspaces/${callers.id}/explain`),
  'a page of events': () => send('admin', 'GET', '/events?after=0&limit=5'),
  'a forged webhook': async () => {
    const { status } = await h.request(`/webhooks/workspaces/${callers.id}/any`, { method: 'POST', json: {} })
    expect(status).toBe(401)
  },
  'the newest events': () => send('admin', 'GET', '/events?tail=5'),
}

for (const [name, request] of Object.entries(REPEATED)) {
  testInProcess(IN_OTHER_PROCESS, `${name} builds no statement after the first time`, async () => {
    await builtDuring(request)
    h.advance(FORGOTTEN_MS)
    expect(await builtDuring(request)).toEqual([])
  })
}

testInProcess(IN_OTHER_PROCESS, 'a statement that is built is seen by this test', async () => {
  const rename = () =>
    h.request(`/workspaces/${callers.id}`, {
      method: 'PATCH',
      json: { role: crypto.randomUUID() },
      headers: { authorization: `Bearer ${ADMIN}` },
    })
  expect(await builtDuring(rename)).not.toEqual([])
})
