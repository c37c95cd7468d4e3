// API tokens and workspace tokens: creation, listing, expiry, revocation, and the limit of invalid ones.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as schema from '../../drizzle/schema/index.ts'
import { matchesAny } from '../../lib/auth/token.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

describe('API tokens', () => {
  let h: Harness
  beforeAll(async () => {
    h = await createHarness({ env: { ADMIN_TOKEN: 'first-admin-token' } })
  })
  afterAll(() => h.close())

  const call = (method: string, path: string, json?: unknown, token = 'first-admin-token') =>
    h.request(path, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(json === undefined ? {} : { json }),
    })

  test('an API token is shown once, is listed without its value, and has its last use', async () => {
    const made = await call('POST', '/tokens', {
      name: 'ci',
      scopes: ['operate', 'read'],
      expires_in_days: 30,
    })
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'ci', scopes: ['read', 'operate'], created_by: 'admin' },
    })
    const token = String(made.body['token'])
    expect(token).toMatch(/^mol_[\w-]{43}$/)
    expect((await call('GET', '/workspaces', undefined, token)).status).toBe(200)
    const listed = await call('GET', '/tokens')
    expect(JSON.stringify(listed.body)).not.toContain(token)
    expect(listed.body).toMatchObject([
      { name: 'ci', prefix: token.slice(0, 12), last_used_at: expect.any(String) as string },
    ])
    const stored = await h.db.select().from(schema.apiTokens)
    expect(JSON.stringify(stored)).not.toContain(token)
  })

  test('a revoked API token is refused at once, and the error says so', async () => {
    const { body } = await call('POST', '/tokens', { name: 'short', scopes: ['read'] })
    const token = String(body['token'])
    expect((await call('GET', '/workspaces', undefined, token)).status).toBe(200)
    expect((await call('DELETE', `/tokens/${String(body['id'])}`)).body).toMatchObject({ status: 'revoked' })
    expect(await call('GET', '/workspaces', undefined, token)).toMatchObject({
      status: 401,
      body: { error: 'this token has been revoked' },
    })
    expect((await call('DELETE', `/tokens/${String(body['id'])}`)).status).toBe(404)
    expect((await call('DELETE', '/tokens/nightly')).body).toMatchObject({ detail: 'id: must be a UUID' })
  })

  test('an expired API token is refused, and the error says since when', async () => {
    const { body } = await call('POST', '/tokens', { name: 'old', scopes: ['read'], expires_in_days: 1 })
    h.advance(86_400_001)
    expect(await call('GET', '/workspaces', undefined, String(body['token']))).toMatchObject({
      status: 401,
      body: { error: expect.stringMatching(/^this token expired at 20/) as string },
    })
  })

  test.each<[string, Json, string]>([
    ['no name', { scopes: ['read'] }, 'name'],
    ['no scope', { name: 'a', scopes: [] }, 'scopes'],
    ['an unknown scope', { name: 'a', scopes: ['root'] }, 'scopes.0'],
    [
      'a workspace that is none',
      { name: 'a', scopes: ['read'], workspaces: [crypto.randomUUID()] },
      'workspaces',
    ],
    ['no workspace at all', { name: 'a', scopes: ['read'], workspaces: [] }, 'workspaces'],
    ['a misspelt member', { name: 'a', scopes: ['read'], expires: 3 }, 'expires'],
  ])('an API token is refused with %s', async (_, json, field) => {
    expect(await call('POST', '/tokens', json)).toMatchObject({ status: 400, body: { errors: [{ field }] } })
  })

  test("a workspace token that was requested outlives the machine's, and ends with the workspace", async () => {
    const { body: made } = await call('POST', '/workspaces', { name: 'a', runtime: 'hermes' })
    const id = String(made['id'])
    // The machine gets its own token first.
    await h.untilIdle()
    const asked = await call('POST', `/workspaces/${id}/tokens`)
    expect(asked).toMatchObject({ status: 201, body: { workspace_id: id } })
    const token = String(asked.body['auth_token'])
    const listed = await call('GET', `/workspaces/${id}/tokens?limit=1`)
    expect(listed.body).toMatchObject({ count: 1, tokens: [{ prefix: token.slice(0, 8) }] })
    const second = String((await call('POST', `/workspaces/${id}/tokens`)).body['auth_token'])
    for (const one of [second, token]) {
      expect((await call('GET', `/workspaces/${id}`, undefined, one)).status).toBe(200)
    }
    const heartbeat = {
      workspace_id: id,
      active_tasks: 0,
      current_task: '',
      error_rate: 0,
      uptime_seconds: 1,
    }
    expect((await call('POST', '/registry/heartbeat', heartbeat, token)).status).toBe(200)
    const { tokens } = (await call('GET', `/workspaces/${id}/tokens`)).body as { tokens: Json[] }
    const ofSecond = tokens.find(({ prefix }) => prefix === second.slice(0, 8))
    expect((await call('DELETE', `/workspaces/${id}/tokens/${String(ofSecond?.['id'])}`)).body).toEqual({
      status: 'revoked',
    })
    expect((await call('GET', `/workspaces/${id}`, undefined, second)).status).toBe(401)
    await call('DELETE', `/workspaces/${id}`)
    expect((await call('GET', `/workspaces/${id}`, undefined, token)).status).toBe(401)
  })

  test('a token that an agent requested ends with the token of the agent, and one that an admin requested does not', async () => {
    const { body: made } = await call('POST', '/workspaces', { name: 'taken over', runtime: 'hermes' })
    const id = String(made['id'])
    await h.untilIdle()
    const path = `/workspaces/${id}/tokens`
    const request = async (token?: string) =>
      String((await call('POST', path, undefined, token)).body['auth_token'])
    const reads = async (token: string) => (await call('GET', `/workspaces/${id}`, undefined, token)).status
    const own = await h.tokenOf(id)
    const byAdmin = await request()
    const byAgent = await request(own)
    const byThatToken = await request(byAgent)
    for (const token of [own, byAdmin, byAgent, byThatToken]) expect(await reads(token)).toBe(200)

    // Before the new machine has used its token, the old ones are valid, also to request more.
    await call('POST', `/workspaces/${id}/restart`)
    const duringRestart = await request(byThatToken)
    await h.untilIdle()
    const renewed = await h.tokenOf(id)
    expect(renewed).not.toBe(own)
    expect(await reads(renewed)).toBe(200)
    h.advance(10_000)
    for (const token of [own, byAgent, byThatToken, duringRestart]) expect(await reads(token)).toBe(401)
    expect(await reads(byAdmin)).toBe(200)
  })

  test('a workspace has at most fifty tokens', async () => {
    const { body: made } = await call('POST', '/workspaces', { name: 'many' })
    const path = `/workspaces/${String(made['id'])}/tokens`
    await h.untilIdle()
    const statuses: number[] = []
    for (let at = 0; at < 51; at++) statuses.push((await call('POST', path)).status)
    expect(statuses.filter((status) => status === 201).length).toBeGreaterThanOrEqual(49)
    expect(statuses.at(-1)).toBe(429)
  })
})

test('digests are compared in full: a difference is found at any position', () => {
  const digest = fc.stringMatching(/^[0-9a-f]{64}$/)
  fc.assert(
    fc.property(digest, fc.array(digest, { maxLength: 3 }), fc.nat(63), (one, others, at) => {
      const changed = `${one.slice(0, at)}${one[at] === '0' ? '1' : '0'}${one.slice(at + 1)}`
      expect(matchesAny(one, [...others, changed])).toBe(others.includes(one))
      expect(matchesAny(one, [changed, one, ...others])).toBe(true)
      expect(matchesAny(one, [one.slice(1), `${one}0`, ''])).toBe(false)
    }),
  )
  expect(matchesAny('', [])).toBe(false)
})

describe('invalid tokens', () => {
  const ADMIN_HEADERS = { authorization: 'Bearer first-admin-token' }
  let h: Harness
  let id: string
  beforeAll(async () => {
    h = await createHarness({
      env: { ADMIN_TOKEN: 'first-admin-token', TRUSTED_PROXY: 'fly', API_RATE_PER_MINUTE: '0' },
    })
    const headers = { ...ADMIN_HEADERS, prefer: 'wait=20' }
    const { body } = await h.request('/workspaces', { method: 'POST', headers, json: { name: 'a' } })
    id = String(body['id'])
  })
  afterAll(() => h.close())

  const GUESSER = '192.0.2.1'
  const from = (token: string, address = GUESSER) => ({
    authorization: `Bearer ${token}`,
    'fly-client-ip': address,
  })
  const list = async (token: string) => (await h.request('/workspaces', { headers: from(token) })).status
  const heartbeat = (token: string, workspaceId = id) =>
    h.request('/registry/heartbeat', {
      method: 'POST',
      headers: from(token),
      json: { workspace_id: workspaceId, active_tasks: 0 },
    })
  const freshToken = async () => {
    const json = { name: 'fresh', scopes: ['read'] }
    const { body } = await h.request('/tokens', { method: 'POST', headers: ADMIN_HEADERS, json })
    return String(body['token'])
  }
  const guesses = (count: number) => Array.from({ length: count }, () => list(`guess-${crypto.randomUUID()}`))

  test('valid tokens are accepted at first use while their address sends invalid ones', async () => {
    const fresh = await Promise.all(Array.from({ length: 20 }, freshToken))
    expect(new Set(await Promise.all(guesses(100)))).toEqual(new Set([401]))
    const concurrent = guesses(100)
    expect(await Promise.all(fresh.map(list))).toEqual(fresh.map(() => 200))
    expect(await list('first-admin-token')).toBe(200)
    expect(new Set(await Promise.all(concurrent))).toEqual(new Set([401]))
  })

  test('agents are accepted at first use while their address sends invalid tokens', async () => {
    const { body } = await h.request(`/workspaces/${id}/tokens`, { method: 'POST', headers: ADMIN_HEADERS })
    const invalid = Array.from({ length: 100 }, () => heartbeat(`guess-${crypto.randomUUID()}`))
    expect((await heartbeat(String(body['auth_token']))).status).toBe(200)
    for (const { status, body } of await Promise.all(invalid))
      expect([status, body['error']]).toEqual([401, 'invalid workspace auth token'])
  })

  test('a valid token that was used for another workspace is valid for its own at once', async () => {
    const { body } = await h.request(`/workspaces/${id}/tokens`, { method: 'POST', headers: ADMIN_HEADERS })
    const token = String(body['auth_token'])
    expect((await heartbeat(token, crypto.randomUUID())).status).toBe(401)
    expect((await heartbeat(token)).status).toBe(200)
    expect((await heartbeat(token, crypto.randomUUID())).status).toBe(401)
    expect((await h.request(`/workspaces/${id}`, { headers: from(token) })).status).toBe(200)
  })

  test('a token that was revoked is invalid at once, on agent routes too', async () => {
    const path = `/workspaces/${id}/tokens`
    const { body } = await h.request(path, { method: 'POST', headers: ADMIN_HEADERS })
    const token = String(body['auth_token'])
    expect((await heartbeat(token)).status).toBe(200)
    const { body: listed } = await h.request(path, { headers: ADMIN_HEADERS })
    const own = (listed['tokens'] as Json[]).find(({ prefix }) => token.startsWith(String(prefix)))
    await h.request(`${path}/${String(own?.['id'])}`, { method: 'DELETE', headers: ADMIN_HEADERS })
    for (let times = 0; times < 3; times++) expect((await heartbeat(token)).status).toBe(401)
  })

  test('an address that sends invalid tokens is logged at intervals', async () => {
    await Promise.all(guesses(60))
    const logged = (await h.logs()).filter(({ message }) => message === 'invalid tokens')
    expect(logged.length).toBeGreaterThan(0)
    expect(logged.length).toBeLessThan(20)
  })
})
