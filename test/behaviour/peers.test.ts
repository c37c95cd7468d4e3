// Discovery of workspaces: which peers an agent finds, under which URL, and who may ask.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const ADMIN = { authorization: 'Bearer an-admin-of-this-test' }

/** A family of two roots: lead over writer and editor, editor over intern; and another root. */
type Name = 'lead' | 'writer' | 'editor' | 'intern' | 'stranger'

let h: Harness
const ids = {} as Record<Name, string>
const agents = {} as Record<Name, { authorization: string }>

beforeAll(async () => {
  h = await createHarness({ env: { ADMIN_TOKEN: 'an-admin-of-this-test' } })
  const make = async (name: Name, parent?: Name, fields: Json = {}) => {
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { ...ADMIN, prefer: 'wait=20' },
      json: { name, tier: 2, parent_id: parent === undefined ? null : ids[parent], ...fields },
    })
    ids[name] = body.id
    const token = await h.tokenOf(body.id)
    agents[name] = { authorization: `Bearer ${token}` }
  }
  await make('lead')
  await make('writer', 'lead', { role: 'Writes 100% of it' })
  await make('editor', 'lead')
  await make('intern', 'editor')
  await make('stranger')
})
afterAll(() => h.close())

type Headers = Record<string, string>
const discover = (id: string, headers: Headers) => h.request(`/registry/discover/${id}`, { headers })
const peers = (id: string, headers: Headers, query = '') =>
  h.request<Json[]>(`/registry/${id}/peers${query}`, { headers })
const check = (caller_id: string, target_id: string, headers: Headers) =>
  h.request('/registry/check-access', { method: 'POST', headers, json: { caller_id, target_id } })
const a2aOf = (name: Name) => `http://platform.test/workspaces/${ids[name]}/a2a`

const updateCard = (name: Name, card: Json) =>
  h.request('/registry/update-card', {
    method: 'POST',
    headers: agents[name],
    json: { workspace_id: ids[name], agent_card: card },
  })

describe('discover', () => {
  test("discovery returns our URL of a workspace, never the agent's address", async () => {
    for (const [caller, target] of [
      ['lead', 'intern'],
      ['intern', 'lead'],
      ['writer', 'editor'],
      ['lead', 'stranger'],
      ['intern', 'intern'],
    ] as const) {
      const { status, body } = await discover(ids[target], agents[caller])
      expect([caller, status, body]).toEqual([
        caller,
        200,
        { id: ids[target], url: a2aOf(target), name: target },
      ])
    }
  })

  test('discovery returns the same 404 for an unreachable and an unknown workspace, with a hint', async () => {
    for (const id of [ids.intern, ids.stranger, crypto.randomUUID()]) {
      const { status, body } = await discover(id, agents.writer)
      expect([status, body]).toMatchObject([
        404,
        { error: 'workspace not found', hint: expect.stringContaining('siblings') },
      ])
    }
  })

  test('discovery shows an admin every workspace', async () => {
    expect((await discover(ids.intern, ADMIN)).body).toMatchObject({ name: 'intern', url: a2aOf('intern') })
    expect((await discover(crypto.randomUUID(), ADMIN)).status).toBe(404)
    expect(await discover('not_a_slug', ADMIN)).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'id' }] },
    })
  })
})

describe('peers', () => {
  const names = async (name: Name, headers: Headers = agents[name], query = '') =>
    (await peers(ids[name], headers, query)).body.map((peer) => peer['name'])

  test('the peers of a workspace are its siblings, children and parent', async () => {
    expect(await names('lead')).toEqual(['writer', 'editor', 'stranger'])
    expect(await names('writer')).toEqual(['lead', 'editor'])
    expect(await names('editor')).toEqual(['lead', 'writer', 'intern'])
    expect(await names('intern')).toEqual(['editor'])
    expect(await names('stranger')).toEqual(['lead'])
    expect(await names('intern', ADMIN)).toEqual(['editor'])
  })

  test('a peer has the card and role that an agent needs, and our URLs only', async () => {
    const { url: _own, ...card } = { url: 'http://10.0.0.1:8000', name: 'writer', description: 'Poems' }
    await updateCard('writer', { ...card, url: 'http://10.0.0.1:8000' })
    const { status, body } = await peers(ids.editor, agents.editor, '?q=WRITER')
    expect(status).toBe(200)
    expect(body).toEqual([
      {
        id: ids.writer,
        name: 'writer',
        role: 'Writes 100% of it',
        tier: 2,
        status: 'ready',
        agent_card: expect.objectContaining({ ...card, url: a2aOf('writer') }),
        url: a2aOf('writer'),
        parent_id: ids.lead,
        active_tasks: 0,
      },
    ])
    expect(JSON.stringify((await peers(ids.lead, ADMIN)).body)).not.toContain('10.0.0.1')
  })

  test('peers are searched by name, role and description, in any case and literally', async () => {
    await updateCard('editor', { name: 'x', url: 'http://x', description: 'Cuts what is LONG' })
    expect(await names('lead', ADMIN, '?q=EDIT')).toEqual(['editor'])
    expect(await names('lead', ADMIN, '?q=writes')).toEqual(['writer'])
    expect(await names('lead', ADMIN, '?q=is+long')).toEqual(['editor'])
    expect(await names('lead', ADMIN, '?q=100%25')).toEqual(['writer'])
    expect(await names('lead', ADMIN, '?q=%25')).toEqual(['writer'])
    expect(await names('lead', ADMIN, '?q=_')).toEqual([])
    expect(await names('lead', ADMIN, '?q=+')).toHaveLength(3)
    expect(await peers(ids.lead, ADMIN, '?q=%00')).toMatchObject({ status: 400 })
  })

  test('the peers of a workspace are shown to itself and to admins', async () => {
    for (const id of [ids.lead, ids.writer, crypto.randomUUID()]) {
      expect(await peers(id, agents.editor)).toMatchObject({
        status: 404,
        body: { error: 'workspace not found' },
      })
    }
    expect((await peers(crypto.randomUUID(), ADMIN)).status).toBe(404)
  })
})

describe('check-access', () => {
  test('check-access answers a workspace for itself and an admin for every workspace', async () => {
    expect(await check(ids.writer, ids.editor, agents.writer)).toMatchObject({
      status: 200,
      body: { allowed: true },
    })
    expect((await check(ids.writer, ids.intern, agents.writer)).body).toEqual({ allowed: false })
    expect((await check(ids.writer, crypto.randomUUID(), agents.writer)).body).toEqual({ allowed: false })
    expect((await check(ids.lead, ids.intern, ADMIN)).body).toEqual({ allowed: true })
    expect((await check(crypto.randomUUID(), ids.intern, ADMIN)).body).toEqual({ allowed: false })
    expect(await check(ids.lead, ids.editor, agents.writer)).toMatchObject({
      status: 404,
      body: { error: 'workspace not found' },
    })
    expect(await check('x', ids.editor, ADMIN)).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'caller_id' }] },
    })
  })
})

describe('X-Workspace-ID', () => {
  const ask = [
    (headers: Headers) => discover(ids.writer, headers),
    (headers: Headers) => peers(ids.writer, headers),
    (headers: Headers) => check(ids.writer, ids.editor, headers),
  ]

  test("an X-Workspace-ID other than the token's workspace is refused, and ignored for an admin", async () => {
    for (const call of ask) {
      expect((await call({ ...agents.writer, 'x-workspace-id': ids.writer })).status).toBe(200)
      expect((await call({ ...agents.writer, 'x-workspace-id': ids.writer.toUpperCase() })).status).toBe(200)
      expect(await call({ ...agents.writer, 'x-workspace-id': ids.lead })).toMatchObject({
        status: 403,
        body: { error: 'invalid caller auth token' },
      })
      expect((await call({ ...ADMIN, 'x-workspace-id': ids.lead })).status).toBe(200)
    }
  })

  test('an X-Workspace-ID of a system caller is refused for every caller', async () => {
    for (const call of ask) {
      for (const claimed of ['webhook:x', 'system:', 'test:x', 'channel:x']) {
        for (const headers of [agents.writer, ADMIN]) {
          expect(await call({ ...headers, 'x-workspace-id': claimed })).toMatchObject({
            status: 403,
            body: { error: 'invalid caller ID' },
          })
        }
      }
    }
  })
})

test('a removed workspace is found by no caller', async () => {
  const leave = await h.request(`/workspaces/${ids.intern}`, { method: 'DELETE', headers: ADMIN })
  expect(leave.status).toBe(200)
  expect((await discover(ids.intern, agents.editor)).status).toBe(404)
  expect((await discover(ids.intern, ADMIN)).status).toBe(404)
  expect((await peers(ids.intern, ADMIN)).status).toBe(404)
  expect((await check(ids.editor, ids.intern, ADMIN)).body).toEqual({ allowed: false })
  expect((await peers(ids.editor, ADMIN)).body.map((peer) => peer['name'])).toEqual(['lead', 'writer'])
  expect((await discover(ids.lead, agents.intern)).status).toBe(401)
})

test('a heartbeat needs only the token of its workspace', async () => {
  const heartbeat = (headers: Headers) =>
    h.request('/registry/heartbeat', { method: 'POST', headers, json: { workspace_id: ids.writer } })
  expect((await heartbeat({})).body).toMatchObject({ error: 'missing workspace auth token' })
  expect((await heartbeat(agents.writer)).status).toBe(200)
})
