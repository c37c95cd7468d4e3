// Reading activity: order, filters, pages, and how long it is kept.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ActivityEntry } from '../../lib/activity/activity-row.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

type Row = Json & { id: string; summary: string }

const report = (id: string, json: Json) => h.request(`/workspaces/${id}/activity`, { method: 'POST', json })
const notify = (id: string, json: Json) => h.request(`/workspaces/${id}/notify`, { method: 'POST', json })
const read = async (id: string, query = '') =>
  (await h.request<Row[]>(`/workspaces/${id}/activity${query}`)).body
const summaries = async (id: string, query = '') => (await read(id, query)).map((row) => row.summary)

const entryOf = (workspaceId: string, fields: Partial<ActivityEntry> = {}): ActivityEntry => ({
  workspaceId,
  type: 'a2a_receive',
  sourceId: null,
  targetId: workspaceId,
  method: 'message/send',
  summary: 'asked',
  durationMs: 12.4,
  status: 'ok',
  errorDetail: null,
  at: h.now(),
  ...fields,
})

describe('reading', () => {
  test('activity is listed newest first, limited, and filtered by type and source', async () => {
    const { id } = await h.createWorkspace()
    for (const summary of ['1', '2', '3']) await report(id, { activity_type: 'agent_log', summary })
    await report(id, { activity_type: 'error', summary: '4' })
    await notify(id, { message: '5' })
    expect(await summaries(id)).toEqual(['5', '4', '3', '2', '1'])
    expect(await summaries(id, '?limit=2')).toEqual(['5', '4'])
    expect(await summaries(id, '?limit=9999')).toHaveLength(5)
    expect(await summaries(id, '?type=agent_log')).toEqual(['3', '2', '1'])
    expect(await summaries(id, '?type=')).toHaveLength(5)
    expect(await summaries(id, '?source=canvas')).toEqual(['5'])
    expect(await summaries(id, '?source=agent&limit=1')).toEqual(['4'])
  })

  test('activity after since_id is listed oldest first', async () => {
    const { id } = await h.createWorkspace()
    for (const summary of ['1', '2', '3', '4']) await report(id, { activity_type: 'agent_log', summary })
    const [newest, , , oldest] = await read(id)
    expect(await summaries(id, `?since_id=${oldest?.id}`)).toEqual(['2', '3', '4'])
    expect(await summaries(id, `?since_id=${oldest?.id}&limit=2`)).toEqual(['2', '3'])
    expect(await summaries(id, `?since_id=${oldest?.id}&type=error`)).toEqual([])
    expect(await summaries(id, `?since_id=${newest?.id}`)).toEqual([])
  })

  test('a since_id that does not exist is answered with 410', async () => {
    const [own, other] = [await h.createWorkspace(), await h.createWorkspace()]
    await report(other.id, { activity_type: 'agent_log' })
    const [foreign] = await read(other.id)
    for (const since of [crypto.randomUUID(), foreign?.id]) {
      const { status, body } = await h.request(`/workspaces/${own.id}/activity?since_id=${since}`)
      expect([status, body]).toMatchObject([
        410,
        { code: 'gone', error: expect.stringContaining('since_id') },
      ])
    }
    const unknown = `/workspaces/${crypto.randomUUID()}/activity?since_id=${foreign?.id}`
    expect((await h.request(unknown)).status).toBe(404)
  })

  test.each([
    ['limit', '?limit=0'],
    ['limit', '?limit=many'],
    ['source', '?source=elsewhere'],
    ['since_id', '?since_id=nonsense'],
    ['type', '?type=%00'],
  ])('the list of activity refuses an invalid %s: %s', async (field, query) => {
    const { status, body } = await h.request(`/workspaces/${crypto.randomUUID()}/activity${query}`)
    expect([status, body['errors']]).toMatchObject([400, [{ field }]])
  })

  test('a page with long bodies ends early, and the next page continues from there', async () => {
    const { id } = await h.createWorkspace()
    const long = { request_body: 'x'.repeat(60_000), response_body: 'y'.repeat(60_000) }
    for (let at = 0; at <= 20; at++)
      await report(id, { activity_type: 'agent_log', summary: `${at}`, ...long })
    const first = (await read(id, '?limit=500')).at(-1)
    let after = first
    const seen: string[] = []
    let page: Row[] = []
    do {
      const response = await h.fetchRaw(`/workspaces/${id}/activity?since_id=${after?.id}&limit=50`)
      const text = await response.text()
      expect(text.length).toBeLessThan(1024 * 1024)
      page = JSON.parse(text) as Row[]
      seen.push(...page.map((row) => row.summary))
      after = page.at(-1)
    } while (page.length > 0)
    const expected = Array.from({ length: 21 }, (_, at) => `${at}`)
    expect(seen).toEqual(expected.slice(expected.indexOf(first?.summary ?? '') + 1))
    expect(seen.length).toBeGreaterThan(0)
  })

  testInProcess(
    'activity is recorded directly',
    'a reader that pages with since_id misses nothing during concurrent writes',
    async () => {
      const { id } = await h.createWorkspace()
      await report(id, { activity_type: 'agent_log', summary: 'first' })
      let [last] = await read(id)
      let seen = 0
      const follow = async () => {
        const rows = await read(id, `?since_id=${last?.id}&limit=500`)
        seen += rows.length
        last = rows.at(-1) ?? last
        return rows.length
      }
      const { activity } = h.services
      const bulk = (async () => {
        for (let round = 0; round < 6; round++) {
          for (let at = 0; at < 900; at++) void activity.record(entryOf(id))
          await activity.flush()
        }
        return 'done' as const
      })()
      // Short writes overtake the long ones, and the reader sees them first.
      let reported = 0
      do {
        await report(id, { activity_type: 'agent_log' })
        await follow()
        reported++
      } while ((await Promise.race([bulk, Promise.resolve('pending')])) !== 'done')
      while ((await follow()) > 0);
      expect(seen).toBe(6 * 900 + reported)
    },
  )
})

describe('retention', () => {
  test('activity older than the retention period is deleted, every ten minutes', async () => {
    const separate = await createHarness({ env: { ACTIVITY_RETENTION_DAYS: '2' } })
    try {
      const { id } = await separate.createWorkspace()
      const rows = async () => {
        const { body } = await separate.request<Row[]>(`/workspaces/${id}/activity`)
        return body.map((row) => row.summary)
      }
      const day = 86_400_000
      const note = (summary: string) =>
        separate.request(`/workspaces/${id}/activity`, {
          method: 'POST',
          json: { activity_type: 'agent_log', summary },
        })
      await note('old')
      separate.advance(2 * 60_000)
      await note('young')
      separate.advance(2 * day - 60_000)
      const [, pruned] = (await separate.request<Row[]>(`/workspaces/${id}/activity`)).body
      await separate.sweep()
      expect(await rows()).toEqual(['young'])
      expect((await separate.request(`/workspaces/${id}/activity?since_id=${pruned?.id}`)).status).toBe(410)
      separate.advance(5 * 60_000)
      await separate.sweep()
      expect(await rows()).toEqual(['young'])
      separate.advance(6 * 60_000)
      await separate.sweep()
      expect(await rows()).toEqual([])
    } finally {
      await separate.close()
    }
  })
})
