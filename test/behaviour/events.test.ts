// The ordered log from outside: what is in it, in which order, who sees which of it, and what becomes of it with time.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVENT_TYPES, type EventType, isEventType } from '../../lib/events/event-types.ts'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'
import { readEventStream } from '../support/event-stream.ts'
import { testInProcess } from '../support/control-plane.ts'
import { IN_WORKERD } from '../support/test-target.ts'

type Event = { seq: number; type: string; workspace_id: string | null; generation: number | null; at: string }
type Page = { events: (Event & { payload: Json })[]; next: number }

const ADMIN = { authorization: 'Bearer an-admin-token-of-tests' }
const SSE = { accept: 'text/event-stream' }

const SOON = { timeout: 10_000 }

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
  const { body } = await post('/tokens', { name: 'listener', ...json })
  return { id: body['id'], headers: { authorization: `Bearer ${String(body['token'])}` } }
}
const listen = async (path: string, headers: Record<string, string> = ADMIN) =>
  readEventStream(await h.fetchRaw(path, { headers: { ...headers, ...SSE } }))

describe('what is in the log', () => {
  test('is the story of a workspace, in order, with who asked for what', async () => {
    const after = await now()
    const id = await make({ name: 'told', regions: ['ord', 'fra'] })
    await post(`/workspaces/${id}/pause`, undefined, { prefer: 'wait=10' })
    await ask(`/workspaces/${id}?confirm=true`, { method: 'DELETE', headers: { prefer: 'wait=10' } })
    await expect
      .poll(async () => typesOf(await read(`/workspaces/${id}/events?after=${after}`)), SOON)
      .toContain('machine_gone')
    const { events, next } = await read(`/workspaces/${id}/events?after=${after}&limit=1000`)
    expect(events.map(({ type }) => type).filter((type) => type !== 'agent_registered')).toEqual([
      'workspace_created',
      'machine_created',
      'agent_answered',
      'pause_requested',
      'removed',
      'machine_gone',
    ])
    expect(events.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq).toSorted((a, b) => a - b))
    expect(next).toBeGreaterThanOrEqual(events.at(-1)?.seq ?? Infinity)
    const payloadOf = (type: string) => events.find((event) => event.type === type)?.payload
    expect(payloadOf('workspace_created')).toMatchObject({
      status: 'provisioning',
      name: 'told',
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

  test('says why a workspace was given up', async () => {
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

  test('has messages that are stored, and not those that pass', async () => {
    const after = await now()
    await post(`/workspaces/${one}/a2a`, askRegion('passes'))
    const { headers } = await post(`/workspaces/${one}/a2a`, askRegion('stored'), { prefer: 'respond-async' })
    // A Worker leaves it to its cron trigger.
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

  test('has secrets and tokens by name, and no value', async () => {
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

  test('has tokens of people, and the audit, for whoever asks by name and may read the audit', async () => {
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
      payload: { token_id: id, name: 'listener', by: 'admin' },
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

  test('has the shape that the API description says, whatever is in it', async () => {
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

describe('reading it', () => {
  test('page by page meets every event once, and `next` goes on where nothing matched', async () => {
    const all = await read('/events?limit=1000')
    const seqs: number[] = []
    for (let after = 0; after < all.next;) {
      const page = await read(`/events?after=${after}&limit=3`)
      seqs.push(...page.events.map(({ seq }) => seq))
      after = page.next
    }
    expect(seqs).toEqual(all.events.map(({ seq }) => seq))
    expect(await read('/events?types=orphan_destroyed')).toEqual({ events: [], next: all.next })
    expect(await read(`/events?after=${all.next + 1_000}`)).toEqual({ events: [], next: all.next + 1_000 })
  })

  test('takes types with commas and repeated, and names the one that is none', async () => {
    const both = await read('/events?types=workspace_created,machine_created&limit=1000')
    expect(await read('/events?types=workspace_created&types=machine_created&limit=1000')).toEqual(both)
    expect(new Set(typesOf(both))).toEqual(new Set(['workspace_created', 'machine_created']))
    const { body, status } = await ask('/events?types=removed,invented')
    expect(status).toBe(400)
    expect(body).toMatchObject({
      errors: [{ field: 'types', message: expect.stringMatching(/'invented'.*agent_answered/) as string }],
    })
    for (const query of ['types=', 'after=-1', 'after=x', 'limit=0', 'limit=1001', 'workspace_id=x']) {
      expect((await ask(`/events?${query}`)).status, query).toBe(400)
    }
  })

  test('a token for some workspaces reads theirs alone, an agent its own, and others are not there', async () => {
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

describe('listening to it', () => {
  test('begins now, tells every change as it is read, and where to go on from', async () => {
    const listener = await listen(`/workspaces/${one}/events`)
    await expect.poll(() => listener.lastEventId(), SOON).toMatch(/^\d+$/)
    expect(listener.retry()).toBeGreaterThan(0)
    await ask(`/workspaces/${other}`, { method: 'PATCH', json: { name: 'somebody else' } })
    await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: 'first' } })
    await expect.poll(() => listener.received.length, SOON).toBe(1)
    const [event] = (await read(`/workspaces/${one}/events?types=workspace_updated`)).events
    expect(listener.received).toEqual([{ id: String(event?.seq), type: 'workspace_updated', data: event }])
    await listener.close()
  })

  test('goes on where one was, the header before the query, without a gap or a double', async () => {
    const start = await now()
    for (let n = 0; n < 10; n++) await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: `n${n}` } })
    const ids: string[] = []
    const writer = (async () => {
      for (let n = 10; n < 40; n++)
        await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: `n${n}` } })
    })()
    // Leaves after every few events, and comes back with the last one that was heard.
    for (let last = String(start), turn = 0; ids.length < 40; turn++) {
      const listener = await listen(`/events?after=${turn === 0 ? start : 0}&types=workspace_updated`, {
        ...ADMIN,
        ...(turn === 0 ? {} : { 'last-event-id': last }),
      })
      await expect.poll(() => listener.received.length, { ...SOON, interval: 5 }).toBeGreaterThan(0)
      await listener.close()
      ids.push(...listener.received.map(({ id }) => id))
      last = listener.received.at(-1)?.id ?? last
    }
    await writer
    const { events } = await read(`/events?after=${start}&types=workspace_updated&limit=1000`)
    expect(ids).toEqual(events.map(({ seq }) => String(seq)))
    expect(events.map(({ payload }) => payload['name'])).toEqual(
      Array.from({ length: 40 }, (_, n) => `n${n}`),
    )
  })

  test('says now and then that it is still there, and how far it has come', async () => {
    const listener = await listen('/events?types=orphan_destroyed')
    await expect.poll(() => listener.comments, SOON).toEqual(['listening'])
    const begun = Number(listener.lastEventId())
    await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: 'not for this one' } })
    h.advance(15_000)
    await expect.poll(() => listener.comments, SOON).toEqual(['listening', 'keepalive'])
    expect(Number(listener.lastEventId())).toBeGreaterThan(begun)
    expect(listener.received).toEqual([])
    await listener.close()
    // Nobody is left, of all who listened here. A Worker is not told that a listener has left.
    if (IN_WORKERD) return
    h.advance(5_000)
    await expect
      .poll(async () => (await ask<string>('/metrics')).body, SOON)
      .toContain('molecule_event_listeners 0')
  })

  testInProcess(
    'a Worker ends each stream within two minutes, whatever became of the token',
    'ends for a token that is revoked, and one that expires, before anything more is told',
    async () => {
      const revoked = await tokenFor({ scopes: ['read'] })
      const expiring = await tokenFor({ scopes: ['read'], expires_in_days: 1 })
      const streams = [await listen('/events', revoked.headers), await listen('/events', expiring.headers)]
      await expect.poll(() => streams.map(({ comments }) => comments.length), SOON).toEqual([1, 1])
      await ask(`/tokens/${String(revoked.id)}`, { method: 'DELETE' })
      h.advance(86_400_000)
      await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: 'unheard' } })
      await Promise.all(streams.map(({ ended }) => ended))
      expect(streams.map(({ received }) => received)).toEqual([[], []])
      expect((await h.request('/events', { headers: { ...expiring.headers, ...SSE } })).status).toBe(401)
    },
  )

  test('is refused like any other request', async () => {
    expect((await h.request('/events', { headers: SSE })).status).toBe(401)
    const bad = await ask('/events', { headers: { ...SSE, 'last-event-id': 'abc' } })
    expect(bad).toMatchObject({ status: 400, body: { errors: [{ field: 'Last-Event-ID' }] } })
    expect((await ask(`/workspaces/${crypto.randomUUID()}/events`, { headers: SSE })).status).toBe(404)
    expect((await h.fetchRaw('/events', { method: 'HEAD', headers: { ...ADMIN, ...SSE } })).status).toBe(200)
  })
})

test('what is old is forgotten, and whoever missed it is told from where to go on', async () => {
  const before = await now()
  h.advance(31 * 86_400_000)
  await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: 'of today' } })
  await h.sweep()
  const { events, next } = await read('/events?limit=1000')
  expect(events[0]?.payload).toMatchObject({ name: 'of today' })
  const gone = await ask('/events?after=1')
  expect(gone).toMatchObject({ status: 410, body: { code: 'gone' } })
  const oldest = Number(gone.body['oldest_seq'])
  expect(oldest).toBeGreaterThan(before - 20)
  expect((await ask('/events?after=1', { headers: SSE })).status).toBe(410)
  expect((await ask('/events', { headers: { ...SSE, 'last-event-id': '1' } })).status).toBe(410)
  expect(await read(`/events?after=${oldest - 1}&limit=1000`)).toEqual({ events, next })
  // The audit is kept for a time of its own.
  expect(typesOf(await read('/events?after=1&types=audit')).length).toBeGreaterThan(10)
  expect((await ask('/events?after=1&types=audit,removed')).status).toBe(410)
})
