// Filters of the event log, the audit and the fleet.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { readEventStream } from '../support/event-stream.ts'

type Event = { seq: number; type: string; workspace_id: string | null; at: string }
type Page = { events: Event[]; next: number }
type Audit = { audit: (Json & { seq: number; at: string })[]; next: number | null }

let h: Harness
let red: string
let blue: string
beforeAll(async () => {
  h = await createHarness({ env: { API_RATE_PER_MINUTE: '0' } })
  red = await make({ labels: { team: 'red' }, region: 'ord', slug: 'red' })
  blue = await make({ labels: { team: 'blue' }, region: 'fra' })
})
afterAll(() => h.close())

async function make(input: Json): Promise<string> {
  const json = { name: 'a', ...input }
  const headers = { prefer: 'wait=20' }
  return (await h.request<{ id: string }>('/workspaces', { method: 'POST', headers, json })).body.id
}
async function read<Body>(path: string): Promise<Body> {
  const { body, status } = await h.request<Body>(path)
  expect(status, JSON.stringify(body)).toBe(200)
  return body
}
const rename = (id: string, name: string) =>
  h.request(`/workspaces/${id}`, { method: 'PATCH', json: { name } })
const ownersOf = ({ events }: Page) => [...new Set(events.map(({ workspace_id: id }) => id))]
const fieldsOf = async (path: string) =>
  ((await h.request(path)).body['errors'] as Json[]).map(({ field }) => field)

describe('events', () => {
  test('tail returns the newest events that match, oldest first, and next leads to what follows', async () => {
    await rename(red, 'first')
    await rename(blue, 'second')
    await rename(red, 'third')
    const page = await read<Page>(`/events?tail=2&types=workspace_updated&workspace_id=${red}`)
    const all = await read<Page>(`/workspaces/${red}/events?types=workspace_updated&limit=1000`)
    expect(page.events).toEqual(all.events.slice(-2))
    expect((await read<Page>(`/events?after=${page.next}`)).events).toEqual([])
    await rename(red, 'fourth')
    expect((await read<Page>(`/events?after=${page.next}`)).events).toMatchObject([{ workspace_id: red }])
  })

  test('a stream with tail begins with the newest events, and goes on', async () => {
    await rename(red, 'fifth')
    const path = `/workspaces/${red}/events?tail=1&types=workspace_updated`
    const response = await h.fetchRaw(path, { headers: { accept: 'text/event-stream' } })
    const stream = await readEventStream(response)
    await expect.poll(() => stream.received.length, { timeout: 30_000 }).toBe(1)
    await rename(blue, 'not listened to')
    await rename(red, 'sixth')
    await expect.poll(() => stream.received.length, { timeout: 30_000 }).toBe(2)
    await stream.close()
  })

  test('since and until select by time, and since takes an age', async () => {
    h.advance(3_600_000)
    await rename(red, 'an hour later')
    const recent = await read<Page>('/events?since=30m&types=workspace_updated')
    expect(recent.events).toHaveLength(1)
    const at = recent.events[0]?.at ?? ''
    const query = (name: string) =>
      `/events?${name}=${encodeURIComponent(at)}&types=workspace_updated&limit=1000`
    expect((await read<Page>(query('since'))).events).toEqual(recent.events)
    const before = await read<Page>(query('until'))
    expect(before.events.length).toBeGreaterThan(0)
    expect(before.events.every((event) => event.at < at)).toBe(true)
  })

  test('label selects the events of workspaces that have it, within what a token may read', async () => {
    expect(ownersOf(await read<Page>('/events?label=team=red&limit=1000'))).toEqual([red])
    expect(ownersOf(await read<Page>('/events?label=team=green'))).toEqual([])
    const json = { name: 't', scopes: ['read'], workspaces: [blue] }
    const { body } = await h.request('/tokens', { method: 'POST', json })
    const headers = { authorization: `Bearer ${String(body['token'])}` }
    const limited = await h.request<Page>('/events?label=team=red', { headers })
    expect(limited.body.events).toEqual([])
    expect(ownersOf((await h.request<Page>('/events?label=team=blue', { headers })).body)).toEqual([blue])
  })

  test('contradictions and unknown values are named', async () => {
    expect(await fieldsOf('/events?tail=3&after=1')).toEqual(['tail'])
    expect(await fieldsOf('/events?since=yesterday')).toEqual(['since'])
    expect(await fieldsOf('/events?label=red')).toEqual(['label'])
    const stream = { headers: { accept: 'text/event-stream' } }
    const { body } = await h.request('/events?until=2026-01-01T00:00:00Z', stream)
    expect(body['errors']).toMatchObject([{ field: 'until' }])
  })
})

describe('the audit', () => {
  test('entries are selected by route, outcome and time, and paged backwards', async () => {
    h.advance(3_600_000)
    for (const name of ['x', 'y', 'z']) await rename(red, name)
    await h.request(`/workspaces/${crypto.randomUUID()}`, { method: 'PATCH', json: { name: 'none' } })
    await h.untilIdle()
    const route = encodeURIComponent('PATCH /workspaces/:id')
    const newest = await read<Audit>(`/audit?since=30m&route=${route}&outcome=ok&limit=2`)
    expect(newest.audit).toMatchObject([{ status: 200 }, { status: 200 }])
    const earlier = await read<Audit>(
      `/audit?since=30m&route=${route}&outcome=ok&before=${newest.audit[1]?.seq}`,
    )
    expect(earlier.audit).toHaveLength(1)
    expect(earlier.audit[0]?.seq).toBeLessThan(newest.audit[1]?.seq ?? 0)
    expect((await read<Audit>('/audit?since=30m&outcome=refused')).audit).toMatchObject([{ status: 404 }])
    const at = encodeURIComponent(earlier.audit[0]?.at ?? '')
    expect((await read<Audit>(`/audit?since=30m&until=${at}`)).audit).toEqual([])
    expect(await fieldsOf('/audit?after=1&before=2')).toEqual(['before'])
    expect(await fieldsOf('/audit?outcome=good')).toEqual(['outcome'])
  })
})

describe('the fleet', () => {
  type Fleet = { machines: Json[]; disks: Json[]; totals: Record<string, { machines: number }> }
  const machinesOf = async (query: string) => {
    const { disks, machines, totals } = await read<Fleet>(`/fleet?${query}`)
    expect(disks.length).toBeLessThanOrEqual(2)
    return [machines.map((machine) => machine['workspace_id']), disks.length, totals['owned']?.machines]
  }

  test('machines and disks are selected by workspace, label, region, app and kind, and the totals count them', async () => {
    expect(await machinesOf('workspace_id=red')).toEqual([[red], 1, 1])
    expect(await machinesOf('label=team=blue')).toEqual([[blue], 1, 1])
    expect(await machinesOf('region=fra')).toEqual([[blue], 1, 1])
    expect(await machinesOf('region=ams')).toEqual([[], 0, 0])
    expect(await machinesOf('kind=orphan&kind=missing')).toEqual([[], 0, 0])
    expect(await fieldsOf('/fleet?kind=lost')).toEqual(['kind'])
    expect(await fieldsOf('/fleet?app=another-app')).toEqual(['app'])
    expect(await fieldsOf('/fleet?region=atlantis')).toEqual(['region'])
  })

  test('pages have limit and offset, and count everything that matches', async () => {
    const pages = [await machinesOf('limit=1'), await machinesOf('limit=1&offset=1')]
    expect(new Set(pages.flatMap(([ids]) => ids))).toEqual(new Set([red, blue]))
    expect(pages.map(([, , total]) => total)).toEqual([2, 2])
    expect(await machinesOf('limit=1&offset=2')).toEqual([[], 0, 2])
  })
})
