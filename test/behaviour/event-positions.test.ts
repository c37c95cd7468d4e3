// Positions in the event log that are beyond its newest event, as readers have them after a restore of the database.
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readEventStream } from '../support/event-stream.ts'
import { type Answer, createHarness, type Harness, type Json } from '../support/harness.ts'

const SSE = { accept: 'text/event-stream' }
const BEYOND = 1_000_000

let h: Harness
let id: string
beforeAll(async () => {
  h = await createHarness({ env: { API_RATE_PER_MINUTE: '0' } })
  id = (await h.createWorkspace()).id
})
afterAll(() => h.close())

const rename = (name: string) => h.request(`/workspaces/${id}`, { method: 'PATCH', json: { name } })

function newestOf({ body, status }: Answer): number {
  expect([status, body]).toMatchObject([410, { code: 'gone', newest_seq: expect.any(Number) }])
  expect(body['detail']).toContain(`after=${String(body['newest_seq'])}`)
  return Number(body['newest_seq'])
}

test('a page, a stream and the audit refuse a position beyond the newest event, and name that', async () => {
  const newest = newestOf(await h.request(`/events?after=${BEYOND}`))
  for (const [path, headers] of [
    [`/workspaces/${id}/events?after=${BEYOND}`, {}],
    [`/events?after=${BEYOND}`, SSE],
    ['/events', { ...SSE, 'last-event-id': String(BEYOND) }],
    [`/audit?after=${BEYOND}`, {}],
  ] as const)
    expect(newestOf(await h.request(path, { headers }))).toBeGreaterThanOrEqual(newest)
  expect((await h.request(`/events?after=${newest}`)).status).toBe(200)
})

test('a stream that is open when the database is restored ends, and readers continue with the newest event', async () => {
  await h.untilIdle()
  const { next } = (await h.request<{ next: number }>('/events?limit=1000')).body
  const stream = await readEventStream(await h.fetchRaw('/events', { headers: SSE }))
  await rename('before the restore')
  await expect.poll(() => stream.received.length, { timeout: 30_000 }).toBeGreaterThan(0)
  await h.untilIdle()
  await h.db.execute(sql`delete from events where seq > ${next}`)
  await h.db.execute(sql`select setval('events_seq_seq', ${next})`)
  await stream.ended
  const headers = { ...SSE, 'last-event-id': stream.lastEventId() }
  expect(newestOf(await h.request('/events', { headers }))).toBe(next)
  await rename('after the restore')
  const { events } = (await h.request<{ events: Json[] }>(`/events?after=${next}`)).body
  expect(events).toMatchObject([{ payload: { name: 'after the restore' } }])
})
