// The event log: what it contains, in which order, who may read it, and how long it is kept.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVENT_TYPES, type EventType, isEventType } from '../../lib/events/event-types.ts'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'

type Event = { seq: number; type: string; workspace_id: string | null; generation: number | null; at: string }
type Page = { events: (Event & { payload: Json })[]; next: number }

const ADMIN = { authorization: 'Bearer an-admin-token-of-tests' }
const SSE = { accept: 'text/event-stream' }

let h: Harness
let one: string
let other: string
beforeAll(async () => {
  h = await createHarness({
    env: {
      ADMIN_TOKEN: 'an-admin-token-of-tests',
      API_RATE_PER_MINUTE: '0',
      SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'e').toString('base64'),
    },
  })
  one = await make({ name: 'one' })
  other = await make({ name: 'other' })
})
afterAll(() => h.close())

const ask = <Body = Json>(path: string, init: RequestInit & { json?: unknown } = {}) =>
  h.request<Body>(path, { ...init, headers: { ...ADMIN, ...(init.headers as Record<string, string>) } })
const post = <Body = Json>(path: string, json?: unknown, headers = {}) =>
  ask<Body>(path, { method: 'POST', headers, ...(json === undefined ? {} : { json }) })

async function make(input: Json): Promise<string> {
  const json = { name: 'a', runtime: 'hermes', ...input }
  return (await post<{ id: string }>('/workspaces', json, { prefer: 'wait=20' })).body.id
}

async function read(path: string, headers: Record<string, string> = ADMIN): Promise<Page> {
  const { body, status } = await h.request<Page>(path, { headers })
  expect(status, JSON.stringify(body)).toBe(200)
  return body
}
const now = async () => (await read(`/events?limit=1000`)).next
const typesOf = ({ events }: Page) => events.map(({ type }) => type)
const tokenFor = async (json: Json) => {
  const { body } = await post('/tokens', { name: 'reader', ...json })
  return { id: body['id'], headers: { authorization: `Bearer ${String(body['token'])}` } }
}

describe('the content of the event log', () => {
  test('the events of a workspace are in order and name the callers of its changes', async () => {
    const after = await now()
    const id = await make({ name: 'logged', regions: ['ord', 'fra'] })
    await post(`/workspaces/${id}/pause`, undefined, { prefer: 'wait=10' })
    await ask(`/workspaces/${id}?confirm=true`, { method: 'DELETE', headers: { prefer: 'wait=10' } })
    await expect
      .poll(async () => typesOf(await read(`/workspaces/${id}/events?after=${after}`)))
      .toContain('disk_deleted')
    const { events, next } = await read(`/workspaces/${id}/events?after=${after}&limit=1000`)
    expect(events.map(({ type }) => type).filter((type) => type !== 'agent_registered')).toEqual([
      'workspace_created',
      'disk_created',
      'machine_created',
      'agent_answered',
      'pause_requested',
      'removed',
      'machine_gone',
      'disk_deleted',
    ])
    expect(events.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq).toSorted((a, b) => a - b))
    expect(next).toBeGreaterThanOrEqual(events.at(-1)?.seq ?? Infinity)
    const payloadOf = (type: string) => events.find((event) => event.type === type)?.payload
    expect(payloadOf('workspace_created')).toMatchObject({
      status: 'provisioning',
      name: 'logged',
      runtime: 'hermes',
      regions: ['ord', 'fra'],
      by: 'admin',
    })
    const machine = payloadOf('machine_created')
    expect(machine).toMatchObject({
      region: 'ord',
      image: expect.stringContaining('workspace-hermes') as string,
    })
    expect(payloadOf('agent_answered')).toEqual({ status: 'ready', machine_id: machine?.['machine_id'] })
    expect(payloadOf('pause_requested')).toEqual({ status: 'paused', by: 'admin' })
  })

  test('the event of a failed workspace has the reason', async () => {
    const after = await now()
    const fault = h.emulator.faults.add({ kind: 'answer', status: 422, action: 'machine.create' })
    const id = await make({ name: 'hopeless' })
    h.emulator.faults.remove(fault)
    const { events } = await read(`/events?after=${after}&types=gave_up&workspace_id=${id}`)
    expect(events).toMatchObject([
      {
        payload: {
          status: 'failed',
          reason: { code: expect.any(String) as string, hint: expect.any(String) as string },
        },
      },
    ])
  })

  test('the event log contains stored messages without their text, and no proxied messages', async () => {
    const after = await now()
    await post(`/workspaces/${one}/a2a`, askRegion('passes'))
    const { headers } = await post(`/workspaces/${one}/a2a`, askRegion('stored'), { prefer: 'respond-async' })
    // On a Worker the cron trigger delivers it.
    await h.deliver()
    await ask(headers.get('location') ?? '', { headers: { prefer: 'wait=20' } })
    await h.untilIdle()
    const { events } = await read(`/workspaces/${one}/events?after=${after}`)
    const message = headers.get('location')?.split('/').at(-1)
    expect(events).toMatchObject([
      { type: 'message_accepted', payload: { message, sender: 'admin' } },
      { type: 'message_answered', payload: { message, sender: 'admin', response_status: 200 } },
    ])
    expect(JSON.stringify(events)).not.toContain('What region')
  })

  test('the event log contains secrets and tokens by name, and no value', async () => {
    const after = await now()
    await ask(`/workspaces/${one}/secrets`, {
      method: 'PUT',
      json: { key: 'API_KEY', value: 'a-value-to-hide' },
    })
    const made = await post(`/workspaces/${one}/tokens`)
    const { body } = await ask<{ tokens: { id: string }[] }>(`/workspaces/${one}/tokens`)
    const token = body.tokens[0]?.id
    await ask(`/workspaces/${one}/tokens/${token}`, { method: 'DELETE' })
    const { events } = await read(`/workspaces/${one}/events?after=${after}`)
    expect(events).toMatchObject([
      { type: 'secret_saved', payload: { key: 'API_KEY', scope: 'workspace', by: 'admin' } },
      { type: 'workspace_token_created', payload: { token_id: token, by: 'admin' } },
      { type: 'workspace_token_revoked', payload: { token_id: token, by: 'admin' } },
    ])
    expect(JSON.stringify(events)).not.toContain('a-value-to-hide')
    expect(JSON.stringify(events)).not.toContain(made.body['auth_token'])
  })

  test('events of API tokens and the audit are returned only on request, and only to admins', async () => {
    // The audit entries of earlier requests are written in the background.
    await h.untilIdle()
    const after = await now()
    const { headers, id } = await tokenFor({ scopes: ['admin'] })
    await ask(`/tokens/${String(id)}`, { method: 'DELETE' })
    await h.untilIdle()
    const types = 'api_token_created,api_token_revoked,audit'
    const { events } = await read(`/events?after=${after}&types=${types}`)
    expect(typesOf({ events, next: 0 }).toSorted()).toEqual([
      'api_token_created',
      'api_token_revoked',
      'audit',
      'audit',
    ])
    expect(events.find(({ type }) => type === 'api_token_revoked')).toMatchObject({
      workspace_id: null,
      payload: { token_id: id, name: 'reader', by: 'admin' },
    })
    expect(JSON.stringify(events)).not.toContain(headers.authorization.slice(8))
    expect(typesOf(await read(`/events?after=${after}`))).toEqual([])
    const reader = await tokenFor({ scopes: ['operate'] })
    const some = await tokenFor({ scopes: ['admin'], workspaces: [one] })
    for (const path of ['/events?types=removed,audit', `/workspaces/${one}/events?types=api_token_created`]) {
      expect((await h.request(path, { headers: reader.headers })).status).toBe(403)
      expect((await h.request(path, { headers: some.headers })).status).toBe(403)
    }
  })

  test('every event matches its type in the API description', async () => {
    await post(`/workspaces/${other}/restart`, { image: null }, { prefer: 'wait=10' })
    await ask(`/workspaces/${other}`, {
      method: 'PATCH',
      json: { name: 'renamed', tier: 3, env: { A: 'b' } },
    })
    await post(`/workspaces/${other}/hibernate`, undefined, { prefer: 'wait=10' })
    await post(`/workspaces/${other}/a2a`, askRegion())
    const { events } = await read(`/events?limit=1000&types=${Object.keys(EVENT_TYPES).join(',')}`)
    const seen = new Set(events.map(({ type }) => type))
    expect([...seen]).toEqual(
      expect.arrayContaining(['restart_requested', 'workspace_updated', 'wake_requested']),
    )
    for (const { payload, type } of events) {
      expect(isEventType(type)).toBe(true)
      const { error } = EVENT_TYPES[type as EventType].payload.safeParse(payload)
      expect(error, `${type} ${JSON.stringify(payload)}`).toBeUndefined()
    }
    const { body } = await ask<{ components: { schemas: Record<string, { oneOf?: unknown[] }> } }>(
      '/openapi.json',
    )
    expect(body.components.schemas['Event']?.oneOf).toHaveLength(Object.keys(EVENT_TYPES).length)
  })
})

describe('reading events', () => {
  test('reading page by page returns every event once, and next advances where nothing matches', async () => {
    const all = await read('/events?limit=1000')
    const seqs: number[] = []
    for (let after = 0; after < all.next;) {
      const page = await read(`/events?after=${after}&limit=3`)
      seqs.push(...page.events.map(({ seq }) => seq))
      after = page.next
    }
    expect(seqs).toEqual(all.events.map(({ seq }) => seq))
    expect(await read('/events?types=orphan_destroyed')).toEqual({ events: [], next: all.next })
  })

  test('types are separated by commas or repeated, and an unknown type is named', async () => {
    const both = await read('/events?types=workspace_created,machine_created&limit=1000')
    expect(await read('/events?types=workspace_created&types=machine_created&limit=1000')).toEqual(both)
    expect(new Set(typesOf(both))).toEqual(new Set(['workspace_created', 'machine_created']))
    const { body, status } = await ask('/events?types=removed,invented')
    expect(status).toBe(400)
    expect(body).toMatchObject({
      errors: [{ field: 'types', message: expect.stringMatching(/'invented' is not a type/) as string }],
    })
    for (const query of ['types=', 'after=-1', 'after=x', 'limit=0', 'limit=1001', 'workspace_id=x']) {
      expect((await ask(`/events?${query}`)).status, query).toBe(400)
    }
  })

  test('a token for some workspaces reads only their events, an agent only its own, and others are 404', async () => {
    const some = await tokenFor({ scopes: ['read'], workspaces: [one] })
    const { events } = await read('/events?limit=1000', some.headers)
    expect(events.length).toBeGreaterThan(3)
    expect(new Set(events.map(({ workspace_id }) => workspace_id))).toEqual(new Set([one]))
    const agent = { authorization: `Bearer ${await h.tokenOf(one)}` }
    expect((await read(`/workspaces/${one}/events?limit=1000`, agent)).events).toEqual(events)
    for (const headers of [some.headers, agent, ADMIN]) {
      const unknown = headers === ADMIN ? crypto.randomUUID() : other
      expect((await h.request(`/workspaces/${unknown}/events`, { headers })).status).toBe(404)
    }
    expect((await h.request(`/events?workspace_id=${other}`, { headers: some.headers })).status).toBe(404)
    expect((await h.request('/events', { headers: agent })).status).toBe(403)
  })
})

test('old events are deleted, and a reader that missed them is answered with 410 and the oldest event', async () => {
  const before = await now()
  h.advance(31 * 86_400_000)
  await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: 'of today' } })
  await h.sweep()
  const { events } = await read('/events?limit=1000')
  expect(events[0]?.payload).toMatchObject({ name: 'of today' })
  const gone = await ask('/events?after=1')
  expect(gone).toMatchObject({ status: 410, body: { code: 'gone' } })
  const oldest = Number(gone.body['oldest_seq'])
  expect(oldest).toBeGreaterThan(before - 20)
  expect((await ask('/events?after=1', { headers: SSE })).status).toBe(410)
  expect((await ask('/events', { headers: { ...SSE, 'last-event-id': '1' } })).status).toBe(410)
  // An audit may have been written since, behind them.
  expect(await read(`/events?after=${oldest - 1}&limit=1000`)).toMatchObject({ events })
  // The audit has its own retention period.
  expect(typesOf(await read('/events?after=1&types=audit')).length).toBeGreaterThan(10)
  expect((await ask('/events?after=1&types=audit,removed')).status).toBe(410)
})
