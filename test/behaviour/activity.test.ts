// What agents did: told by them, noted by us, read by people and by agents that poll, and forgotten.
import { count, eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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

describe('what an agent reports', () => {
  test('is read back with every member that Molecule names', async () => {
    const { id } = await h.createWorkspace()
    const target = crypto.randomUUID()
    const full = {
      activity_type: 'a2a_send',
      source_id: id,
      target_id: target,
      method: 'message/send',
      summary: 'Delegating to a peer',
      status: 'error',
      error_detail: 'it did not answer',
      duration_ms: 1234,
      request_body: { task: 'x' },
      response_body: { result: 'y' },
      tool_trace: [{ tool: 'bash' }],
    }
    expect(await report(id, full)).toMatchObject({ status: 200, body: { status: 'logged' } })
    expect(await read(id)).toEqual([
      { ...full, id: expect.any(String), workspace_id: id, created_at: expect.any(String) },
    ])
  })

  test('needs its type only, under either name, and takes "" as nobody', async () => {
    const { id } = await h.createWorkspace()
    await report(id, { type: 'agent_log', source_id: '', target_id: '', method: '', metadata: { a: 1 } })
    expect(await read(id)).toEqual([
      {
        id: expect.any(String),
        workspace_id: id,
        activity_type: 'agent_log',
        source_id: id,
        target_id: null,
        method: null,
        summary: '',
        request_body: { a: 1 },
        response_body: null,
        tool_trace: null,
        duration_ms: null,
        status: 'ok',
        error_detail: null,
        created_at: expect.any(String),
      },
    ])
  })

  test.each([['42'], ['{"a":1}'], ['text'], [''], [0], [false], [[]]])(
    'keeps a body as it is: %j',
    async (given) => {
      const { id } = await h.createWorkspace()
      await report(id, { activity_type: 'agent_log', request_body: given })
      expect((await read(id))[0]?.['request_body']).toEqual(given)
    },
  )

  test('does not count as work', async () => {
    const { id, last_active_at } = await h.createWorkspace()
    await report(id, { activity_type: 'task_update' })
    await notify(id, { message: 'hello' })
    expect((await h.request(`/workspaces/${id}`)).body['last_active_at']).toBe(last_active_at)
  })

  test('of an unknown type is refused with the types there are', async () => {
    const { id } = await h.createWorkspace()
    for (const json of [{ activity_type: 'gossip' }, {}]) {
      const { status, body } = await report(id, json)
      expect(status).toBe(400)
      expect(body['error']).toBe(
        'invalid activity_type, must be one of a2a_send, a2a_receive, task_update, agent_log, skill_promotion, memory_write, error',
      )
      expect(body['errors']).toMatchObject([{ field: 'activity_type' }])
    }
    expect(await read(id)).toEqual([])
  })

  test.each<[string, Json, string]>([
    ['a target that is not a UUID', { target_id: 'bob' }, 'target_id'],
    ['a source that is not a UUID', { source_id: 'bob' }, 'source_id'],
    ['a summary with a NUL', { summary: 'a\0b' }, 'summary'],
    ['a summary that is too long', { summary: 'x'.repeat(4_001) }, 'summary'],
    ['a method that is no text', { method: 5 }, 'method'],
    ['half a surrogate pair in a body', { request_body: { a: ['\ud800'] } }, 'request_body'],
    ['a body that is too long', { response_body: 'x'.repeat(65_536) }, 'response_body'],
    ['a duration before the beginning', { duration_ms: -1 }, 'duration_ms'],
  ])('is refused by field: %s', async (_what, fields, field) => {
    const { status, body } = await report(crypto.randomUUID(), { activity_type: 'agent_log', ...fields })
    expect([status, body['errors']]).toMatchObject([400, [{ field }]])
  })

  test('is refused when it is nested without end', async () => {
    const nested = `{"activity_type":"agent_log","tool_trace":${'['.repeat(30_000)}${']'.repeat(30_000)}}`
    const { status, body } = await h.request(`/workspaces/${crypto.randomUUID()}/activity`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: nested,
    })
    expect([status, body['errors']]).toMatchObject([400, [{ field: 'tool_trace' }]])
  })

  test('in the name of another workspace is refused', async () => {
    const [own, other] = [await h.createWorkspace(), await h.createWorkspace()]
    const { status } = await report(own.id, { activity_type: 'agent_log', source_id: other.id })
    expect(status).toBe(403)
    expect(await read(own.id)).toEqual([])
  })

  test('is taken neither for an unknown workspace nor for a removed one, whose past can still be read', async () => {
    const { id } = await h.createWorkspace()
    await report(id, { activity_type: 'agent_log', summary: 'before' })
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    for (const gone of [id, crypto.randomUUID()]) {
      expect((await report(gone, { activity_type: 'agent_log' })).status).toBe(404)
      expect((await notify(gone, { message: 'x' })).status).toBe(404)
    }
    expect(await summaries(id)).toEqual(['before'])
    expect((await h.request(`/workspaces/${crypto.randomUUID()}/activity`)).status).toBe(404)
  })
})

describe('notify', () => {
  test("keeps the message in the form in which Molecule's chat reads it", async () => {
    const { id } = await h.createWorkspace()
    const file = { uri: 'workspace:/a.txt', name: 'a.txt', mimeType: 'text/plain', size: 3 }
    expect(await notify(id, { message: 'done', attachments: [file] })).toMatchObject({
      status: 200,
      body: { status: 'sent' },
    })
    await notify(id, { message: 'bare' })
    expect(await read(id, '?type=a2a_receive&source=canvas')).toMatchObject([
      { method: 'notify', source_id: null, response_body: { result: 'bare' } },
      { method: 'notify', response_body: { result: 'done', parts: [{ kind: 'file', file }] } },
    ])
  })

  test.each([[{}], [{ message: '' }], [{ message: null }], [{ type: 'info', text: 'x' }]])(
    'without a message is refused: %j',
    async (json) => {
      const { status, body } = await notify(crypto.randomUUID(), json)
      expect([status, body]).toMatchObject([
        400,
        { error: 'message is required', errors: [{ field: 'message' }] },
      ])
    },
  )

  test('refuses what is too long rather than losing it', async () => {
    const { id } = await h.createWorkspace()
    const long = (length: number) => notify(id, { message: 'x'.repeat(length) })
    expect((await long(61_000)).status).toBe(200)
    expect((await read(id))[0]?.['response_body']).toEqual({ result: 'x'.repeat(61_000) })
    expect((await long(65_000)).status).toBe(400)
    const nameless = { message: 'x', attachments: [{ uri: 'workspace:/a', name: '' }] }
    expect(await notify(id, nameless)).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'attachments.0.name' }] },
    })
  })
})

describe('reading', () => {
  test('gives the newest first, as many as are asked for, by type and by who began it', async () => {
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

  test('goes on after since_id, the oldest first', async () => {
    const { id } = await h.createWorkspace()
    for (const summary of ['1', '2', '3', '4']) await report(id, { activity_type: 'agent_log', summary })
    const [newest, , , oldest] = await read(id)
    expect(await summaries(id, `?since_id=${oldest?.id}`)).toEqual(['2', '3', '4'])
    expect(await summaries(id, `?since_id=${oldest?.id}&limit=2`)).toEqual(['2', '3'])
    expect(await summaries(id, `?since_id=${oldest?.id}&type=error`)).toEqual([])
    expect(await summaries(id, `?since_id=${newest?.id}`)).toEqual([])
  })

  test('says 410 when the row to go on from is not there', async () => {
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
  ])('refuses a bad %s: %s', async (field, query) => {
    const { status, body } = await h.request(`/workspaces/${crypto.randomUUID()}/activity${query}`)
    expect([status, body['errors']]).toMatchObject([400, [{ field }]])
  })

  test('ends a page early where bodies are long, and the next one goes on from there', async () => {
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

  testInProcess('entries are noted by hand', 'onwards misses nothing while many write at once', async () => {
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
    // Short writes that would overtake the long ones, and a reader that sees them first.
    let reported = 0
    do {
      await report(id, { activity_type: 'agent_log' })
      await follow()
      reported++
    } while ((await Promise.race([bulk, Promise.resolve('going on')])) !== 'done')
    while ((await follow()) > 0);
    expect(seen).toBe(6 * 900 + reported)
  })
})

describe('what we note ourselves', () => {
  const BY_HAND = 'entries are noted by hand'

  testInProcess(
    BY_HAND,
    'is there to be read a moment later, written down by whoever noted first',
    async () => {
      const { id } = await h.createWorkspace()
      const { activity } = h.services
      const work = activity.record(entryOf(id, { summary: '1', requestBody: { a: 1 } }))
      expect(work).toBeInstanceOf(Promise)
      expect(activity.record(entryOf(id, { summary: '2' }))).toBeUndefined()
      expect(await read(id)).toEqual([])
      await work
      expect(await read(id)).toMatchObject([
        { summary: '2', request_body: null, duration_ms: 12 },
        { summary: '1', request_body: { a: 1 } },
      ])
      expect(activity.record(entryOf(id))).toBeInstanceOf(Promise)
    },
  )

  testInProcess(BY_HAND, 'is made fit to be stored, so that one row never costs the others', async () => {
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
    void activity.record(entryOf(id, { durationMs: 1e300, summary: 'fine' }))
    await activity.flush()
    expect(await read(id)).toMatchObject([
      { summary: 'fine', duration_ms: 2_147_483_647 },
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
  })

  testInProcess(BY_HAND, 'is bounded: the oldest is dropped, and the log says how much', async () => {
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
  })

  testInProcess(BY_HAND, 'is bounded in bytes too', async () => {
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
    BY_HAND,
    'is dropped when it cannot be written, and what comes later is written again',
    async () => {
      const { id } = await h.createWorkspace()
      const errors: unknown[] = []
      let broken = true
      const { db, now, sleep } = h.services
      const log = createActivityLog({
        db: new Proxy(db, {
          get: (target, name) => {
            if (broken) throw new Error('the database is away')
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
    BY_HAND,
    'is written by the next one who notes when the first was ended before its promise',
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

describe('forgetting', () => {
  test('takes what is older than the days it is kept, once in ten minutes', async () => {
    const own = await createHarness({ env: { ACTIVITY_RETENTION_DAYS: '2' } })
    try {
      const { id } = await own.createWorkspace()
      const rows = async () => {
        const { body } = await own.request<Row[]>(`/workspaces/${id}/activity`)
        return body.map((row) => row.summary)
      }
      const day = 86_400_000
      const note = (summary: string) =>
        own.request(`/workspaces/${id}/activity`, {
          method: 'POST',
          json: { activity_type: 'agent_log', summary },
        })
      await note('old')
      own.advance(2 * 60_000)
      await note('young')
      own.advance(2 * day - 60_000)
      const [, pruned] = (await own.request<Row[]>(`/workspaces/${id}/activity`)).body
      await own.sweep()
      expect(await rows()).toEqual(['young'])
      expect((await own.request(`/workspaces/${id}/activity?since_id=${pruned?.id}`)).status).toBe(410)
      own.advance(5 * 60_000)
      await own.sweep()
      expect(await rows()).toEqual(['young'])
      own.advance(6 * 60_000)
      await own.sweep()
      expect(await rows()).toEqual([])
    } finally {
      await own.close()
    }
  })
})
