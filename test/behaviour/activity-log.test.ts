// Activity that the control plane records itself: it is buffered, bounded and written many rows at a time.
import { count, eq, inArray, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { activities } from '../../drizzle/schema/index.ts'
import { createActivityLog } from '../../lib/activity/activity-log.ts'
import type { ActivityEntry } from '../../lib/activity/activity-row.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

type Row = Json & { id: string; summary: string }

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

describe('activity that the control plane records', () => {
  const RECORDED_DIRECTLY = 'activity is recorded directly'

  testInProcess(
    RECORDED_DIRECTLY,
    'recorded activity is written after a moment, by one write for all that was recorded meanwhile',
    async () => {
      const { id } = await h.createWorkspace()
      const moment = Promise.withResolvers<void>()
      const activity = createActivityLog({
        db: h.db,
        log: () => {},
        now: h.now,
        sleep: () => moment.promise,
      })
      const work = activity.record(entryOf(id, { summary: '1', requestBody: { a: 1 } }))
      expect(work).toBeInstanceOf(Promise)
      expect(activity.record(entryOf(id, { summary: '2' }))).toBeUndefined()
      expect(await read(id)).toEqual([])
      moment.resolve()
      await work
      expect(await read(id)).toMatchObject([
        { summary: '2', request_body: null, duration_ms: 12 },
        { summary: '1', request_body: { a: 1 } },
      ])
      expect(activity.record(entryOf(id))).toBeInstanceOf(Promise)
    },
  )

  testInProcess(
    RECORDED_DIRECTLY,
    'activities that differ only in time and duration are rows of their own, in the order in which they were recorded',
    async () => {
      const [first, second] = [await h.createWorkspace(), await h.createWorkspace()]
      const { activity } = h.services
      for (let at = 0; at < 6; at++) {
        const [id, method] = at % 2 === 0 ? [first.id, 'message/send'] : [second.id, at < 4 ? 'a' : 'b']
        void activity.record(entryOf(id, { method, durationMs: at, at: new Date(1_000 + at) }))
      }
      await activity.flush()
      const rows = await h.db
        .select({ ms: activities.durationMs, method: activities.method, createdAt: activities.createdAt })
        .from(activities)
        .where(inArray(activities.workspaceId, [first.id, second.id]))
        .orderBy(activities.seq)
      expect(rows.map(({ createdAt, method, ms }) => [ms, method, createdAt.getTime()])).toEqual([
        [0, 'message/send', 1_000],
        [1, 'a', 1_001],
        [2, 'message/send', 1_002],
        [3, 'a', 1_003],
        [4, 'message/send', 1_004],
        [5, 'b', 1_005],
      ])
    },
  )

  testInProcess(
    RECORDED_DIRECTLY,
    'recorded activity is made valid for Postgres, so that one row never fails the others',
    async () => {
      const { id } = await h.createWorkspace()
      const { activity } = h.services
      void activity.record(
        entryOf(id, {
          summary: `a\0b\ud800${'x'.repeat(10_000)}`,
          method: '\0',
          errorDetail: '\udc00',
          sourceId: 'not a workspace',
          durationMs: Number.NaN,
          requestBody: { a: '\0' },
          responseBody: 'x'.repeat(100_000),
          toolTrace: JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) as unknown,
        }),
      )
      const written = '{"a",b} \\ NULL'
      void activity.record(
        entryOf(id, {
          summary: written,
          method: 'NULL',
          errorDetail: '',
          requestBody: { [written]: written },
        }),
      )
      void activity.record(entryOf(id, { durationMs: 1e300, summary: 'fine' }))
      await activity.flush()
      expect(await read(id)).toMatchObject([
        { summary: 'fine', duration_ms: 2_147_483_647 },
        { summary: written, method: 'NULL', error_detail: '', request_body: { [written]: written } },
        {
          summary: `a\ufffdb\ufffd${'x'.repeat(3_996)}`,
          method: '\ufffd',
          error_detail: '\ufffd',
          source_id: null,
          duration_ms: null,
          request_body: null,
          response_body: null,
          tool_trace: null,
        },
      ])
    },
  )

  testInProcess(
    RECORDED_DIRECTLY,
    'the buffer of activity is bounded: the oldest rows are dropped, and the log says how many',
    async () => {
      const { id } = await h.createWorkspace()
      const { activity } = h.services
      for (let at = 0; at < 10_003; at++) void activity.record(entryOf(id, { summary: `${at}` }))
      await activity.flush()
      expect(await h.logs()).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          message: expect.stringContaining('dropped'),
          fields: { rows: 3 },
        }),
      )
      const [counted] = await h.db
        .select({ rows: count(), first: sql<number>`min(${activities.summary}::int)` })
        .from(activities)
        .where(eq(activities.workspaceId, id))
      expect(counted).toEqual({ rows: 10_000, first: 3 })
    },
  )

  testInProcess(RECORDED_DIRECTLY, 'the buffer of activity is bounded in bytes too', async () => {
    const { id } = await h.createWorkspace()
    const { activity } = h.services
    const requestBody = 'x'.repeat(60_000)
    for (let at = 0; at < 400; at++) void activity.record(entryOf(id, { summary: `${at}`, requestBody }))
    await activity.flush()
    const kept = Number((await read(id, '?limit=1'))[0]?.summary)
    expect(kept).toBe(399)
    const warning = (await h.logs()).findLast(({ level }) => level === 'warn')
    expect(warning?.fields['rows']).toBeGreaterThan(100)
  })

  testInProcess(
    RECORDED_DIRECTLY,
    'activity that cannot be written is dropped, and later activity is written again',
    async () => {
      const { id } = await h.createWorkspace()
      const errors: unknown[] = []
      let broken = true
      const { db, now, sleep } = h.services
      const log = createActivityLog({
        db: new Proxy(db, {
          get: (target, name) => {
            if (broken) throw new Error('the database is unreachable')
            return Reflect.get(target, name) as unknown
          },
        }),
        log: (level, message, fields) => void errors.push({ level, message, fields }),
        now,
        sleep,
      })
      await log.record(entryOf(id, { summary: 'lost' }))
      expect(errors).toMatchObject([{ level: 'error', fields: { rows: 1 } }])
      broken = false
      await log.record(entryOf(id, { summary: 'kept' }))
      expect(await summaries(id)).toEqual(['kept'])
    },
  )

  testInProcess(
    RECORDED_DIRECTLY,
    'activity is written by the next record when the first writer was ended before it wrote',
    async () => {
      const { id } = await h.createWorkspace()
      let ended = true
      const log = createActivityLog({
        ...h.services,
        sleep: () => (ended ? new Promise(() => {}) : Promise.resolve()),
      })
      void log.record(entryOf(id, { summary: '1' }))
      expect(log.record(entryOf(id, { summary: '2' }))).toBeUndefined()
      ended = false
      h.advance(61_000)
      await log.record(entryOf(id, { summary: '3' }))
      expect(await summaries(id)).toEqual(['3', '2', '1'])
    },
  )
})
