// Managing webhook endpoints: creation, validation, changes, secrets and deletion.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { events } from '../../drizzle/schema/index.ts'
import { webhookSecrets } from '../../drizzle/schema/index.ts'
import { MOST_ENDPOINTS } from '../../lib/webhooks/endpoints.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

type Endpoint = Json & { id: string; secret: string }

let h: Harness
beforeAll(async () => {
  h = await createHarness({ env: { SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'k').toString('base64') } })
})
afterAll(() => h.close())

const list = async () => (await h.request<Endpoint[]>('/webhook-endpoints')).body
beforeEach(async () => {
  for (const { id } of await list()) await h.request(`/webhook-endpoints/${id}`, { method: 'DELETE' })
})

const url = 'https://hooks.example.com/molecule'
const create = (json: Json = {}) =>
  h.request<Endpoint>('/webhook-endpoints', { method: 'POST', json: { url, ...json } })
const patch = (id: string, json: Json) =>
  h.request<Endpoint>(`/webhook-endpoints/${id}`, { method: 'PATCH', json })

describe('managing endpoints', () => {
  test('an endpoint is created with a URL only, and shows its secret once', async () => {
    const { body, headers, status } = await create()
    expect(status).toBe(201)
    expect(headers.get('cache-control')).toBe('no-store')
    const { secret, ...shown } = body
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(shown).toMatchObject({
      url,
      types: ['*'],
      workspace_id: null,
      description: '',
      ordered: true,
      enabled: true,
      behind: 0,
      pending: 0,
      dead: 0,
      missed: null,
      failures: 0,
      last_failure: null,
      created_by: 'admin',
    })
    const again = await h.request(`/webhook-endpoints/${body.id}`)
    expect(Object.keys(again.body).toSorted()).toEqual(Object.keys(shown).toSorted())
    expect(await list()).toMatchObject([{ id: body.id }])
    const rows = await h.db.select().from(webhookSecrets)
    expect(JSON.stringify(rows)).not.toContain(secret.slice(6))
  })

  test.each([
    ['url', { url: undefined }],
    ['url', { url: 'not a url' }],
    ['url', { url: 'http://hooks.example.com/' }],
    ['url', { url: 'https://10.0.0.1/' }],
    ['url', { url: 'https://_api.internal/' }],
    ['url', { url: 'https://hooks.example.com/\0' }],
    ['types', { types: [] }],
    ['types.0', { types: ['workspace_exploded'] }],
    ['workspace_id', { workspace_id: 'one' }],
    ['workspace_id', { workspace_id: crypto.randomUUID() }],
    ['ordered', { ordered: 'yes' }],
    ['after', { after: -1 }],
    ['after', { after: 1_000_000_000 }],
    ['description', { description: 'x'.repeat(501) }],
  ])('an invalid endpoint is refused by the name of the field: %s, %j', async (field, input) => {
    expect(await create(input)).toMatchObject({
      status: 400,
      body: { code: 'invalid_input', errors: [{ field }] },
    })
    expect(await list()).toEqual([])
  })

  test('an endpoint with an unknown field is refused', async () => {
    expect(await create({ event_types: ['*'] })).toMatchObject({ status: 400 })
  })

  test('a change of an endpoint affects only the given fields', async () => {
    const { body: made } = await create({ types: ['removed', 'removed'], description: 'one' })
    const { secret: _, ...before } = made
    expect(before['types']).toEqual(['removed'])
    const { body, status } = await patch(made.id, { description: 'two', ordered: false })
    expect(status).toBe(200)
    expect(body).toEqual({
      ...before,
      description: 'two',
      ordered: false,
      updated_at: body['updated_at'],
      behind: body['behind'],
    })
    expect((await patch(made.id, { url: 'https://127.0.0.1.nip.internal/' })).status).toBe(400)
  })

  test('disabling and enabling an endpoint is written to the event log with the caller', async () => {
    const { body } = await create({ enabled: false })
    expect(body).toMatchObject({ enabled: false, disabled_reason: 'asked' })
    expect((await patch(body.id, { enabled: true })).body).toMatchObject({ enabled: true, disabled_at: null })
    expect((await patch(body.id, { enabled: true })).body).toMatchObject({ enabled: true })
    expect((await patch(body.id, { enabled: false })).body).toMatchObject({ enabled: false })
    const logged = await h.db.select().from(events).orderBy(events.seq)
    const ofEndpoint = logged.filter(({ payload }) => payload['endpoint_id'] === body.id)
    expect(ofEndpoint.map(({ payload, type }) => [type, payload['by'], payload['reason']])).toEqual([
      ['webhook_endpoint_enabled', 'admin', undefined],
      ['webhook_endpoint_disabled', 'admin', 'asked'],
    ])
  })

  test('a deleted endpoint is gone with its secrets', async () => {
    const { body } = await create()
    const path = `/webhook-endpoints/${body.id}`
    expect((await h.request(path, { method: 'DELETE' })).body).toEqual({ status: 'deleted', id: body.id })
    expect((await h.request(path, { method: 'DELETE' })).status).toBe(404)
    expect(await h.db.select().from(webhookSecrets)).toEqual([])
  })

  test('endpoints beyond the limit are refused', async () => {
    const answers: number[] = []
    for (let n = 0; n < MOST_ENDPOINTS; n++) answers.push((await create({ enabled: false })).status)
    expect(answers.every((status) => status === 201)).toBe(true)
    expect(await create()).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })
})

test.each([
  ['GET', ''],
  ['PATCH', ''],
  ['DELETE', ''],
  ['POST', '/test'],
  ['POST', '/rotate-secret'],
  ['GET', '/deliveries'],
  ['POST', '/deliveries/replay'],
  ['POST', '/deliveries/1/replay'],
])('the request %s …%s is 404 for an unknown endpoint', async (method, rest) => {
  const { body, status } = await h.request(`/webhook-endpoints/${crypto.randomUUID()}${rest}`, {
    method,
    ...(method === 'PATCH' ? { json: {} } : {}),
  })
  expect({ status, code: body['code'] }).toEqual({ status: 404, code: 'not_found' })
})

test('a secret is rotated without a request body, and not with an invalid one', async () => {
  const { body: made } = await create()
  const path = `/webhook-endpoints/${made.id}/rotate-secret`
  const { body, headers, status } = await h.request(path, { method: 'POST' })
  expect(status).toBe(200)
  expect(headers.get('cache-control')).toBe('no-store')
  expect(body['secret']).toMatch(/^whsec_/)
  expect(body['secret']).not.toBe(made.secret)
  const until = new Date(String(body['previous_valid_until'])).getTime()
  expect(Math.abs(until - h.now().getTime() - 24 * 3_600_000)).toBeLessThan(60_000)
  expect((await h.request(path, { method: 'POST', json: { overlap_hours: 169 } })).status).toBe(400)
})

test('a replay that is not possible is refused with the reason', async () => {
  const { body } = await create()
  const path = `/webhook-endpoints/${body.id}/deliveries`
  expect(await h.request(`${path}/0/replay`, { method: 'POST' })).toMatchObject({ status: 400 })
  expect(await h.request(`${path}?state=delivered`)).toMatchObject({ status: 400 })
  await patch(body.id, { enabled: false })
  expect(await h.request(`${path}/replay`, { method: 'POST' })).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining('enable it first') },
  })
})

test('creating an endpoint without SECRETS_ENCRYPTION_KEY is refused, and the error names the setting', async () => {
  const bare = await createHarness()
  try {
    expect(await bare.request('/webhook-endpoints', { method: 'POST', json: { url } })).toMatchObject({
      status: 503,
      body: { code: 'misconfigured', detail: expect.stringContaining('SECRETS_ENCRYPTION_KEY') },
    })
  } finally {
    await bare.close()
  }
})
