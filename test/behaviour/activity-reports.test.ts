// Activity and notifications that agents report: what is stored and what is refused.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

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

describe('reports of agents', () => {
  test('reported activity is returned with every field that Molecule names', async () => {
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

  test('reported activity needs only a type, under either name, and an empty source is the workspace itself', async () => {
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
    'the body of reported activity is kept unchanged: %j',
    async (given) => {
      const { id } = await h.createWorkspace()
      await report(id, { activity_type: 'agent_log', request_body: given })
      expect((await read(id))[0]?.['request_body']).toEqual(given)
    },
  )

  test('reported activity does not count as activity of the workspace', async () => {
    const { id, last_active_at } = await h.createWorkspace()
    await report(id, { activity_type: 'task_update' })
    await notify(id, { message: 'hello' })
    expect((await h.request(`/workspaces/${id}`)).body['last_active_at']).toBe(last_active_at)
  })

  test('activity of an unknown type is refused with the list of types', async () => {
    const { id } = await h.createWorkspace()
    for (const json of [{ activity_type: 'unknown' }, {}]) {
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
    ['a method that is not text', { method: 5 }, 'method'],
    ['half a surrogate pair in a body', { request_body: { a: ['\ud800'] } }, 'request_body'],
    ['a body that is too long', { response_body: 'x'.repeat(65_536) }, 'response_body'],
    ['a negative duration', { duration_ms: -1 }, 'duration_ms'],
  ])('activity with %s is refused by the name of its field', async (_what, fields, field) => {
    const { status, body } = await report(crypto.randomUUID(), { activity_type: 'agent_log', ...fields })
    expect([status, body['errors']]).toMatchObject([400, [{ field }]])
  })

  test('deeply nested activity is refused', async () => {
    const nested = `{"activity_type":"agent_log","tool_trace":${'['.repeat(30_000)}${']'.repeat(30_000)}}`
    const { status, body } = await h.request(`/workspaces/${crypto.randomUUID()}/activity`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: nested,
    })
    expect([status, body['errors']]).toMatchObject([400, [{ field: 'tool_trace' }]])
  })

  test('activity in the name of another workspace is refused', async () => {
    const [own, other] = [await h.createWorkspace(), await h.createWorkspace()]
    const { status } = await report(own.id, { activity_type: 'agent_log', source_id: other.id })
    expect(status).toBe(403)
    expect(await read(own.id)).toEqual([])
  })

  test('activity of an unknown or removed workspace is refused, and the past of a removed one stays readable', async () => {
    const { id } = await h.createWorkspace()
    await report(id, { activity_type: 'agent_log', summary: 'before' })
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    for (const missing of [id, crypto.randomUUID()]) {
      expect((await report(missing, { activity_type: 'agent_log' })).status).toBe(404)
      expect((await notify(missing, { message: 'x' })).status).toBe(404)
    }
    expect(await summaries(id)).toEqual(['before'])
    expect((await h.request(`/workspaces/${crypto.randomUUID()}/activity`)).status).toBe(404)
  })
})

describe('notifications', () => {
  test("a notification is stored in the form that Molecule's chat reads", async () => {
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
    'a notification without a message is refused: %j',
    async (json) => {
      const { status, body } = await notify(crypto.randomUUID(), json)
      expect([status, body]).toMatchObject([
        400,
        { error: 'message is required', errors: [{ field: 'message' }] },
      ])
    },
  )

  test('a notification that is too long is refused rather than truncated', async () => {
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
