// Streams of events: where they start and continue, their keepalive comments, and when they end.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { readEventStream } from '../support/event-stream.ts'
import { testInProcess } from '../support/control-plane.ts'
import { IN_WORKERD } from '../support/test-target.ts'

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
const tokenFor = async (json: Json) => {
  const { body } = await post('/tokens', { name: 'reader', ...json })
  return { id: body['id'], headers: { authorization: `Bearer ${String(body['token'])}` } }
}
const listen = async (path: string, headers: Record<string, string> = ADMIN) =>
  readEventStream(await h.fetchRaw(path, { headers: { ...headers, ...SSE } }))

describe('streaming events', () => {
  test('a stream starts with the current event, sends every change, and has the id to continue from', async () => {
    const stream = await listen(`/workspaces/${one}/events`)
    await expect.poll(() => stream.lastEventId()).toMatch(/^\d+$/)
    expect(stream.retry()).toBeGreaterThan(0)
    await ask(`/workspaces/${other}`, { method: 'PATCH', json: { name: 'another workspace' } })
    await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: 'first' } })
    await expect.poll(() => stream.received.length).toBe(1)
    const [event] = (await read(`/workspaces/${one}/events?types=workspace_updated`)).events
    expect(stream.received).toEqual([{ id: String(event?.seq), type: 'workspace_updated', data: event }])
    await stream.close()
  })

  test('a stream by label has the events of workspaces that get the label later, and not of those that lose it', async () => {
    const stream = await listen('/events?label=team%3Dlate')
    await expect.poll(() => stream.lastEventId()).toMatch(/^\d+$/)
    const created = await make({ name: 'created', labels: { team: 'late' } })
    await ask(`/workspaces/${one}`, { method: 'PATCH', json: { labels: { team: 'late' } } })
    const owners = () => new Set(stream.received.map(({ data }) => data['workspace_id']))
    await expect.poll(owners).toEqual(new Set([created, one]))
    expect(stream.received[0]).toMatchObject({ type: 'workspace_created' })
    await ask(`/workspaces/${one}`, { method: 'PATCH', json: { labels: { team: null } } })
    await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: 'without the label' } })
    await ask(`/workspaces/${created}`, { method: 'PATCH', json: { name: 'the last' } })
    await expect.poll(() => JSON.stringify(stream.received)).toContain('the last')
    expect(JSON.stringify(stream.received)).not.toContain('without the label')
    await stream.close()
  })

  test('a stream continues after the last event id without gaps or repetitions, and the header takes precedence', async () => {
    const start = await now()
    for (let n = 0; n < 10; n++) await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: `n${n}` } })
    const ids: string[] = []
    const writer = (async () => {
      for (let n = 10; n < 40; n++)
        await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: `n${n}` } })
    })()
    // Closes after every few events and continues with the id of the last one that it received.
    for (let last = String(start), turn = 0; ids.length < 40; turn++) {
      const stream = await listen(`/events?after=${turn === 0 ? start : 0}&types=workspace_updated`, {
        ...ADMIN,
        ...(turn === 0 ? {} : { 'last-event-id': last }),
      })
      await expect.poll(() => stream.received.length, { interval: 5 }).toBeGreaterThan(0)
      await stream.close()
      ids.push(...stream.received.map(({ id }) => id))
      last = stream.received.at(-1)?.id ?? last
    }
    await writer
    const { events } = await read(`/events?after=${start}&types=workspace_updated&limit=1000`)
    expect(ids).toEqual(events.map(({ seq }) => String(seq)))
    expect(events.map(({ payload }) => payload['name'])).toEqual(
      Array.from({ length: 40 }, (_, n) => `n${n}`),
    )
  })

  test('a stream sends keepalive comments and advances its last event id', async () => {
    const stream = await listen('/events?types=orphan_destroyed')
    await expect.poll(() => stream.comments).toEqual(['listening'])
    const begun = Number(stream.lastEventId())
    await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: 'not for this one' } })
    h.advance(15_000)
    await expect.poll(() => stream.comments).toEqual(['listening', 'keepalive'])
    // The first keepalive may have been sent before the change was read from the log.
    await expect
      .poll(() => {
        h.advance(15_000)
        return Number(stream.lastEventId())
      })
      .toBeGreaterThan(begun)
    expect(new Set(stream.comments.slice(1))).toEqual(new Set(['keepalive']))
    expect(stream.received).toEqual([])
    await stream.close()
    // No stream of this file is open any more. A Worker does not notice that a reader has closed its stream.
    if (IN_WORKERD) return
    h.advance(5_000)
    await expect
      .poll(async () => (await ask<string>('/metrics')).body)
      .toContain('molecule_event_listeners 0')
  })

  testInProcess(
    'a Worker ends each stream within two minutes, whatever became of the token',
    'a stream ends when its token is revoked or expires, before it sends another event',
    async () => {
      const revoked = await tokenFor({ scopes: ['read'] })
      const expiring = await tokenFor({ scopes: ['read'], expires_in_days: 1 })
      const streams = [await listen('/events', revoked.headers), await listen('/events', expiring.headers)]
      await expect.poll(() => streams.map(({ comments }) => comments.length)).toEqual([1, 1])
      await ask(`/tokens/${String(revoked.id)}`, { method: 'DELETE' })
      h.advance(86_400_000)
      await ask(`/workspaces/${one}`, { method: 'PATCH', json: { name: 'not sent' } })
      await Promise.all(streams.map(({ ended }) => ended))
      expect(streams.map(({ received }) => received)).toEqual([[], []])
      expect((await h.request('/events', { headers: { ...expiring.headers, ...SSE } })).status).toBe(401)
    },
  )

  test('a stream is refused like any other request', async () => {
    expect((await h.request('/events', { headers: SSE })).status).toBe(401)
    const bad = await ask('/events', { headers: { ...SSE, 'last-event-id': 'abc' } })
    expect(bad).toMatchObject({ status: 400, body: { errors: [{ field: 'Last-Event-ID' }] } })
    expect((await ask(`/workspaces/${crypto.randomUUID()}/events`, { headers: SSE })).status).toBe(404)
    expect((await h.fetchRaw('/events', { method: 'HEAD', headers: { ...ADMIN, ...SSE } })).status).toBe(200)
  })
})
