// MOLECULE_COMPAT: what it changes in messages and lists of this API's own routes, each with it and without it. The requests are
// those of Molecule's canvas, Python SDK, MCP server and acceptance scripts (docs/facts/molecule.md §9).
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let compat: Harness
let plain: Harness
beforeAll(async () => {
  compat = await createHarness({ env: { MOLECULE_COMPAT: 'true' } })
  plain = await createHarness()
})
afterAll(async () => {
  await compat.close()
  await plain.close()
})

const post = (h: Harness, path: string, json: unknown, headers = {}) =>
  h.request(path, { method: 'POST', json, headers })

describe('messages', () => {
  const say = (role: string) => ({
    jsonrpc: '2.0',
    id: 1,
    method: 'message/send',
    params: { message: { role, messageId: crypto.randomUUID(), parts: [{ kind: 'text', text: 'hi' }] } },
  })

  test('they stay in the activity of the workspace with MOLECULE_COMPAT, and no text does without it', async () => {
    for (const h of [compat, plain]) {
      const { id } = await h.createWorkspace()
      const { body } = await post(h, `/workspaces/${id}/a2a`, say('user'))
      expect(body).toMatchObject({ result: { parts: [{ text: 'Echo: hi' }] } })
      await h.untilIdle()
      const { body: rows } = await h.request<Json[]>(
        `/workspaces/${id}/activity?type=a2a_receive&source=canvas`,
      )
      expect(rows).toMatchObject([
        h === compat
          ? {
              request_body: { params: { message: { parts: [{ text: 'hi' }] } } },
              response_body: { result: { parts: [{ text: 'Echo: hi' }] } },
              source: 'canvas_user',
              data: { source: 'canvas_user', text: 'hi' },
            }
          : { request_body: null, response_body: null },
      ])
      if (h === plain) expect(rows[0]).not.toHaveProperty('data')
    }
  })

  test('the activity of an unknown workspace is empty with MOLECULE_COMPAT, and a 404 without it', async () => {
    const path = `/workspaces/${crypto.randomUUID()}/activity`
    expect((await compat.request(path)).body).toEqual([])
    expect((await plain.request(path)).status).toBe(404)
  })

  test('a category is a message to people with MOLECULE_COMPAT, and is refused without it', async () => {
    for (const h of [compat, plain]) {
      const { id } = await h.createWorkspace()
      const headers = { authorization: `Bearer ${await h.tokenOf(id)}` }
      const { status } = await post(h, `/workspaces/${id}/notify`, { type: 'approval_needed' }, headers)
      expect(status).toBe(h === compat ? 200 : 400)
    }
  })

  test("a wrong attachment has Molecule's name with MOLECULE_COMPAT, and that of its member without it", async () => {
    for (const h of [compat, plain]) {
      const { id } = await h.createWorkspace()
      const headers = { authorization: `Bearer ${await h.tokenOf(id)}` }
      const attachments = [
        { uri: 'workspace:/workspace/a.txt', name: 'a.txt' },
        { uri: '', name: 'b.txt' },
      ]
      const { body, status } = await post(
        h,
        `/workspaces/${id}/notify`,
        { message: 'see', attachments },
        headers,
      )
      expect([status, body['error']]).toEqual([
        400,
        expect.stringContaining(h === compat ? 'attachment[1].uri' : 'attachments.1.uri'),
      ])
    }
  })
})

test("an activity without a type is refused with Molecule's name of it only with MOLECULE_COMPAT", async () => {
  for (const h of [compat, plain]) {
    const { id } = await h.createWorkspace()
    const headers = { authorization: `Bearer ${await h.tokenOf(id)}` }
    const { body, status } = await post(h, `/workspaces/${id}/activity`, { summary: 'no type' }, headers)
    expect([status, String(body['error']).includes('ActivityType')]).toEqual([400, h === compat])
  }
})

describe('lists', () => {
  test("events have Molecule's names only with MOLECULE_COMPAT", async () => {
    const { id } = await plain.createWorkspace()
    expect((await plain.request('/events')).body).toMatchObject({ next: expect.any(Number) as number })
    expect((await plain.request(`/events/${id}`)).status).toBe(404)
    expect((await compat.request<Json[]>('/events')).body[0]).toHaveProperty('event_type')
  })

  test('a page of workspaces has more than 100 with MOLECULE_COMPAT, and 100 without it', async () => {
    for (const [env, length] of [
      [{ MOLECULE_COMPAT: 'true' }, 101],
      [{}, 100],
    ] as const) {
      const h = await createHarness({ env })
      try {
        for (let made = 0; made < 101; made++)
          expect((await post(h, '/workspaces', { name: 'one of many', runtime: 'external' })).status).toBe(
            201,
          )
        const { body } = await h.request<Json[]>('/workspaces')
        expect(body).toHaveLength(length)
      } finally {
        await h.close()
      }
    }
  })

  test('schedules have the members of its clients with MOLECULE_COMPAT, which are refused without it', async () => {
    const json = { name: 'daily', cron_expr: '0 9 * * *', prompt: 'report!' }
    for (const h of [compat, plain]) {
      const { id } = await h.createWorkspace()
      const { body, status } = await post(h, `/workspaces/${id}/schedules`, json)
      expect([status, body['cron_expr']]).toEqual(h === compat ? [201, '0 9 * * *'] : [400, undefined])
    }
  })

  test('files below a root are listed with MOLECULE_COMPAT, and an absolute path is needed without it', async () => {
    for (const h of [compat, plain]) {
      const { id } = await h.createWorkspace()
      const listed = await h.request(`/workspaces/${id}/files?root=/configs`)
      const missing = await h.request(`/workspaces/${id}/files?root=/plugins`)
      if (h === compat) {
        expect(listed.body).toContainEqual({
          path: 'config.yaml',
          size: expect.any(Number) as number,
          dir: false,
        })
        expect(missing.body).toEqual([])
      } else expect([listed.status, missing.status]).toEqual([400, 400])
    }
  })

  test('initial memories are kept with MOLECULE_COMPAT, and named as ignored without it', async () => {
    const json = { name: 'knows', initial_memories: [{ content: 'tea', scope: 'LOCAL' }] }
    for (const h of [compat, plain]) {
      const { body } = await post(h, '/workspaces', json)
      expect(body['warnings']).toEqual(
        h === compat ? undefined : ['initial_memories is not a member of this request, and was ignored'],
      )
    }
  })
})
