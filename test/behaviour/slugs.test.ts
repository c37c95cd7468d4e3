// Slugs: names that stand for the ids of workspaces, in paths, bodies and queries.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const admin = { authorization: 'Bearer the-admin-of-slugs' }

let h: Harness
let id: string
beforeAll(async () => {
  h = await createHarness({
    env: {
      ADMIN_TOKEN: 'the-admin-of-slugs',
      API_RATE_PER_MINUTE: '0',
      SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'k').toString('base64'),
    },
  })
  id = (await create({ slug: 'first' })).body.id
})
afterAll(() => h.close())

const call = <Body = Json>(
  method: string,
  path: string,
  json?: unknown,
  headers: Record<string, string> = admin,
) => h.request<Body>(path, { method, headers, ...(json === undefined ? {} : { json }) })

const create = (input: Json, headers: Record<string, string> = {}) =>
  call<Json & { id: string }>(
    'POST',
    '/workspaces',
    { name: 'a', ...input },
    { ...admin, prefer: 'wait=20', ...headers },
  )

describe('giving a slug', () => {
  test('a workspace is created, changed and shown with its slug', async () => {
    const { body } = await create({ slug: 'second' })
    expect(body).toMatchObject({ slug: 'second' })
    await call('PATCH', `/workspaces/${body.id}`, { slug: 'renamed' })
    expect((await call('GET', '/workspaces/renamed')).body).toMatchObject({ id: body.id, slug: 'renamed' })
    expect((await call('GET', '/workspaces/second')).status).toBe(404)
    await call('PATCH', '/workspaces/renamed', { slug: null })
    expect((await call('GET', `/workspaces/${body.id}`)).body).toMatchObject({ slug: null })
    expect((await call('GET', '/workspaces/renamed')).status).toBe(404)
  })

  test.each([
    ['an id', crypto.randomUUID()],
    ['an id that begins with a letter', `abcdef12-${crypto.randomUUID().slice(9)}`],
    ['upper case', 'First'],
    ['one letter', 'a'],
    ['a slash', 'a/b'],
    ['a dash at the end', 'ab-'],
    ['a digit at the beginning', '1st'],
    ['64 letters', 'a'.repeat(64)],
  ])('a slug that is %s is refused', async (_what, slug) => {
    const { body, status } = await create({ slug })
    const fields = (body['errors'] as Json[]).map(({ field }) => field)
    expect([status, new Set(fields)]).toEqual([400, new Set(['slug'])])
    expect((await call('PATCH', `/workspaces/${id}`, { slug })).status).toBe(400)
  })

  test('a slug belongs to one workspace until that is removed', async () => {
    const { body } = await create({ slug: 'taken' })
    expect(await create({ slug: 'taken' })).toMatchObject({
      status: 409,
      body: { code: 'conflict', errors: [{ field: 'slug', message: 'is taken by another workspace' }] },
    })
    expect((await call('PATCH', `/workspaces/${id}`, { slug: 'taken' })).status).toBe(409)
    expect((await call('PATCH', '/workspaces/taken', { slug: 'taken' })).status).toBe(200)
    expect((await call('DELETE', '/workspaces/taken')).body).toMatchObject({ status: 'removed' })
    expect((await call('GET', '/workspaces/taken')).status).toBe(404)
    expect((await call('GET', `/workspaces/${body.id}`)).body).toMatchObject({ status: 'removed' })
    expect((await create({ slug: 'taken' })).status).toBe(201)
  })

  test('repeated and concurrent creates with one Idempotency-Key and one slug create one workspace', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => create({ slug: 'once' }, { 'idempotency-key': 'one-slug' })),
    )
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
  })
})

describe('using a slug', () => {
  test('the paths of a workspace take its slug in either case, and work with its id', async () => {
    for (const path of ['', '/explain', '/logs', '/events', '/secrets', '/tokens', '/activity', '/snapshots'])
      expect([path, (await call('GET', `/workspaces/first${path}`)).status]).toEqual([path, 200])
    expect((await call('GET', '/workspaces/FIRST')).body).toMatchObject({ id })
    expect((await call('GET', '/registry/discover/first')).body).toMatchObject({ id })
    await call('POST', '/workspaces/first/secrets', { key: 'A', value: 'b' })
    expect((await call('GET', `/workspaces/${id}/secrets`)).body).toMatchObject([{ key: 'A' }])
  })

  test('a message to a slug reaches the agent, also where it is stored first', async () => {
    const message = { role: 'user', parts: [{ kind: 'text', text: 'What region are you running in?' }] }
    const json = { jsonrpc: '2.0', id: '1', method: 'message/send', params: { message } }
    const { body } = await call<{ result: { parts: { text: string }[] } }>(
      'POST',
      '/workspaces/first/a2a',
      json,
    )
    expect(body.result.parts[0]?.text).toContain('ord')
    const headers = { ...admin, prefer: 'respond-async' }
    const stored = await call('POST', '/workspaces/first/a2a', json, headers)
    expect(stored).toMatchObject({ status: 202, body: { workspace_id: id } })
    expect((await call('POST', '/workspaces/no-such/a2a', json)).status).toBe(404)
  })

  test('the audit and the events have the id of a workspace that was addressed by its slug', async () => {
    await call('PATCH', '/workspaces/first', { role: 'tested' })
    // Entries are written after the answer.
    await h.untilIdle()
    const { body } = await call<{ audit: Json[] }>('GET', '/audit?workspace_id=first')
    expect(body.audit[0]).toMatchObject({ route: 'PATCH /workspaces/:id', workspace_id: id, status: 200 })
    const events = await call<{ events: Json[] }>('GET', '/events?workspace_id=first')
    expect(new Set(events.body.events.map((event) => event['workspace_id']))).toEqual(new Set([id]))
  })

  test('parents, limits of tokens, rollouts, copies and endpoints are named by slug, and stored as ids', async () => {
    const child = await create({ parent_id: 'first', slug: 'child' })
    expect(child.body).toMatchObject({ parent_id: id })
    expect((await call<Json[]>('GET', '/workspaces?parent_id=first')).body).toMatchObject([{ slug: 'child' }])
    const token = await call('POST', '/tokens', {
      name: 't',
      scopes: ['read'],
      workspaces: ['first', 'child'],
    })
    expect(token.body).toMatchObject({ workspaces: [id, child.body.id] })
    const url = 'https://hooks.example.com'
    expect((await call('POST', '/webhook-endpoints', { url, workspace_id: 'first' })).body).toMatchObject({
      workspace_id: id,
    })
    const copy = await create({ from: { workspace: 'first' }, slug: 'copy' })
    expect(copy).toMatchObject({ status: 201, body: { runtime: 'langgraph', slug: 'copy' } })
  })

  test('a slug that no workspace has is a 404 in a path, and is named in a body or a query', async () => {
    expect(await call('GET', '/workspaces/no-such')).toMatchObject({
      status: 404,
      body: { error: 'workspace not found' },
    })
    expect((await create({ parent_id: 'no-such' })).body).toMatchObject({
      error: "parent_id: no workspace has the slug 'no-such'",
    })
    expect((await call('GET', '/events?workspace_id=no-such')).body).toMatchObject({
      error: "workspace_id: no workspace has the slug 'no-such'",
    })
    expect((await call('GET', '/workspaces/Not a slug')).body).toMatchObject({
      error: 'id: must be the id or the slug of a workspace',
    })
  })
})

test('a token for some workspaces names only those by slug, and does not learn which others exist', async () => {
  await create({ slug: 'hidden' })
  const { body } = await call('POST', '/tokens', { name: 't', scopes: ['operate'], workspaces: ['first'] })
  const limited = { authorization: `Bearer ${String(body['token'])}` }
  for (const slug of ['hidden', 'no-such']) {
    for (const [method, path, json] of [
      ['GET', `/workspaces/${slug}`, undefined],
      ['GET', `/events?workspace_id=${slug}`, undefined],
      ['GET', `/workspaces?parent_id=${slug}`, undefined],
      ['PATCH', '/workspaces/first', { parent_id: slug }],
    ] as const)
      expect([path, await call(method, path, json, limited)]).toMatchObject([
        path,
        { status: 404, body: { error: 'workspace not found' } },
      ])
  }
  expect((await call('GET', '/workspaces/first', undefined, limited)).status).toBe(200)
  expect((await call('GET', '/events?workspace_id=first', undefined, limited)).status).toBe(200)
})

test('a public card is read by the slug of its workspace without a token', async () => {
  await create({ slug: 'open', public_card: true })
  await h.untilIdle()
  const card = (slug: string) => h.request(`/workspaces/${slug}/.well-known/agent-card.json`)
  expect((await card('open')).status).toBe(200)
  expect((await card('first')).status).toBe(401)
})
