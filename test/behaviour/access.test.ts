// Who gets in: closed unless a token matches, and open only to this very computer. What each kind of caller may do is what
// SECURITY.md says, row by row; here every door is tried with all of them.
import { readFileSync } from 'node:fs'
import { eq } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as schema from '../../drizzle/schema/index.ts'
import { ROUTE_POLICIES } from '../../functions/access-policy.ts'
import { matchesAny } from '../../lib/auth/token.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

type Row = { door: string; scope: string; some: string; agent: string }

const ROWS: Row[] = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, door, scope, some, agent] = /^\| `([A-Z]+ [^`]+)` \| (.+) \| (.+) \| (.+) \|$/.exec(line) ?? []
    return door === undefined ? [] : [{ door, scope: scope ?? '', some: some ?? '', agent: agent ?? '' }]
  })
const isGuarded = ({ agent, scope }: Row) => scope !== 'public' && !agent.includes('checked')
const GUARDED = ROWS.filter(isGuarded)

const SCOPES = ['read', 'operate', 'admin']
const ADMIN = { authorization: 'Bearer first-admin-token' }

/** Asks for nothing that could be done: what the door says of the caller is all that matters. */
const knock = (h: Harness, door: string, id: string, headers: Record<string, string> = {}) => {
  const [method = '', pattern = ''] = door.split(' ')
  const path = pattern.replace(':id', id).replace(/:\w+/, crypto.randomUUID())
  return h.request(method === 'DELETE' ? `${path}?confirm=perhaps&restart=perhaps` : path, {
    method,
    headers,
    ...(method === 'GET' || method === 'DELETE' ? {} : { json: { image: 5, method: 5 } }),
  })
}

describe('with ADMIN_TOKEN', () => {
  let h: Harness
  /** The workspace whose doors are tried. */
  let own: string
  /** A workspace that tokens for some do not include. */
  let other: string
  /** Every kind of caller, with what it has to show. */
  const credentials: Record<string, Record<string, string>> = {}
  const bearer = (token: unknown) => ({ authorization: `Bearer ${String(token)}` })

  beforeAll(async () => {
    h = await createHarness({
      env: {
        ADMIN_TOKEN: 'first-admin-token,second-admin-token',
        API_RATE_PER_MINUTE: '0',
        SECRETS_ENCRYPTION_KEY: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
      },
    })
    const make = async (input = {}) => {
      const { body } = await h.request<{ id: string }>('/workspaces', {
        method: 'POST',
        json: { name: 'a', ...input },
        headers: { ...ADMIN, prefer: 'wait=20' },
      })
      return body.id
    }
    const tokenFor = async (input: Json) => {
      const json = { name: 'of the walk', ...input }
      const { body } = await h.request('/tokens', { method: 'POST', headers: ADMIN, json })
      return body
    }
    const workspaceToken = async (id: string) =>
      (await h.request(`/workspaces/${id}/tokens`, { method: 'POST', headers: ADMIN })).body['auth_token']
    own = await make()
    other = await make()
    const below = await make({ parent_id: other })

    credentials['nothing'] = {}
    credentials['a wrong token'] = bearer('wrong')
    credentials['a wrong API token'] = bearer('mol_wrong')
    credentials['another scheme'] = { authorization: 'Basic first-admin-token' }
    credentials['two tokens as one'] = bearer('first-admin-token,second-admin-token')
    credentials['an empty token'] = { authorization: 'Bearer ' }
    const expired = await tokenFor({ scopes: ['admin'], expires_in_days: 1 })
    await h.db
      .update(schema.apiTokens)
      .set({ expiresAt: new Date(0) })
      .where(eq(schema.apiTokens.id, String(expired['id'])))
    credentials['an expired token'] = bearer(expired['token'])
    const revoked = await tokenFor({ scopes: ['admin'] })
    await h.request(`/tokens/${String(revoked['id'])}`, { method: 'DELETE', headers: ADMIN })
    credentials['a revoked token'] = bearer(revoked['token'])
    credentials['the first admin'] = ADMIN
    credentials['the second admin'] = { authorization: 'bearer second-admin-token' }
    for (const scope of SCOPES) {
      credentials[scope] = bearer((await tokenFor({ scopes: [scope] }))['token'])
      credentials[`${scope} here`] = bearer((await tokenFor({ scopes: [scope], workspaces: [own] }))['token'])
      credentials[`${scope} elsewhere`] = bearer(
        (await tokenFor({ scopes: [scope], workspaces: [other, below] }))['token'],
      )
    }
    credentials['its agent'] = bearer(await workspaceToken(own))
    credentials['a peer'] = bearer(await workspaceToken(other))
    credentials['a stranger'] = bearer(await workspaceToken(below))
  })
  afterAll(() => h.close())

  type Expected = 'allowed' | 401 | 403 | 404

  /** What SECURITY.md promises. */
  function promised(row: Row, who: string): Expected {
    const needs = SCOPES.indexOf(row.scope)
    const [scope = '', where] = who.split(' ')
    if (SCOPES.includes(scope)) {
      if (where !== undefined && row.some === 'no') return 403
      if (where === 'elsewhere' && row.door.includes(':id') && row.some !== 'no') return 404
      return needs !== -1 && SCOPES.indexOf(scope) >= needs ? 'allowed' : 403
    }
    switch (who) {
      case 'the first admin':
      case 'the second admin':
        return row.scope === '–' ? 403 : 'allowed'
      case 'its agent':
        return row.agent === 'no' ? 403 : 'allowed'
      case 'a peer':
      case 'a stranger':
        if (row.agent.endsWith('decided per record')) return 'allowed'
        if (row.agent === 'its peers') return who === 'a peer' ? 'allowed' : 404
        return /(workspaces|registry|events)\/:id/.test(row.door) ? 404 : 403
      default:
        return 401
    }
  }

  testInProcess(
    'its routes are read',
    'there is a row for every door, in the table and in SECURITY.md, and no row without one',
    () => {
      const routes = h.app.routes
        .filter(({ method }) => method !== 'ALL')
        .map(({ method, path }) => `${method} ${path}`)
      // A2A takes every method, and decides by the same row (functions/routes/a2a/handler.ts).
      const doors = new Set([...routes, 'POST /workspaces/:id/a2a'])
      expect(new Set(Object.keys(ROUTE_POLICIES))).toEqual(doors)
      expect(ROWS.map(({ door }) => door)).toEqual(Object.keys(ROUTE_POLICIES))
    },
  )

  test.each(GUARDED)('$door opens to those it is for', async (row) => {
    for (const [who, headers] of Object.entries(credentials)) {
      const { status, body, headers: challenge } = await knock(h, row.door, own, headers)
      const isHidden = status === 404 && JSON.stringify(body).includes('workspace not found')
      const is = status === 401 || status === 403 ? status : isHidden ? 404 : 'allowed'
      expect({ who, is }).toEqual({ who, is: promised(row, who) })
      if (status === 401) expect(challenge.get('www-authenticate')).toBe('Bearer')
    }
  })

  describe('other workspaces than the one in the path', () => {
    const NAMED = Object.entries(ROUTE_POLICIES).flatMap(([route, policy]) => {
      const others = typeof policy === 'object' ? policy.others : undefined
      return [
        ...(others?.body ?? []).map((member) => ({ route, member, at: 'body' })),
        ...(others?.query ?? []).map((member) => ({ route, member, at: 'query' })),
      ]
    })
    const isForSome = (route: string) => ROWS.find(({ door }) => door === route)?.some !== 'no'

    const callNaming = (route: string, member: string, at: string, id: string, who: string) => {
      const [method = '', pattern = ''] = route.split(' ')
      const path = pattern.replace(':id', own).replace(/:\w+/, crypto.randomUUID())
      const headers = credentials[who] ?? {}
      if (at === 'query') return h.request(`${path}?${member}=${id}`, { method, headers })
      const value = member === 'workspaces' ? [id] : id
      return h.request(path, {
        method,
        headers,
        json: { task: 't', activity_type: 'agent_log', [member]: value },
      })
    }

    test.each(NAMED)(
      '$route refuses a token for some workspaces when $member in the $at is another workspace',
      async ({ route, member, at }) => {
        for (const who of ['operate here', 'admin here']) {
          for (const id of [other, other.toUpperCase()]) {
            const { status, body } = await callNaming(route, member, at, id, who)
            if (!isForSome(route)) expect([who, status]).toEqual([who, 403])
            else expect([who, status, body]).toMatchObject([who, 404, { error: 'workspace not found' }])
          }
        }
      },
    )

    test.each(NAMED.filter(({ route }) => isForSome(route)))(
      '$route lets a token for some workspaces name its own workspace as $member in the $at',
      async ({ route, member, at }) => {
        const { body } = await callNaming(route, member, at, own, 'operate here')
        expect(body['error']).not.toBe('workspace not found')
      },
    )

    test.each(NAMED.filter(({ route }) => isForSome(route)))(
      'SECURITY.md names $member of $route',
      ({ route, member }) => {
        expect(ROWS.find(({ door }) => door === route)?.some).toContain(`\`${member}\``)
      },
    )

    test('lists contain only the workspaces of a token for some', async () => {
      const listing = Object.entries(ROUTE_POLICIES).filter(
        ([, policy]) => typeof policy === 'object' && policy.others?.response === true,
      )
      expect(listing.map(([route]) => route)).toContain('GET /registry/:id/peers')
      for (const [route] of listing) {
        const path = (route.split(' ')[1] ?? '').replace(':id', own)
        const get = async (who: string) =>
          JSON.stringify((await h.request(path, { headers: credentials[who] ?? {} })).body)
        expect([route, await get('read')]).toEqual([route, expect.stringContaining(other)])
        expect([route, await get('read here')]).toEqual([route, expect.not.stringContaining(other)])
      }
    })

    test('the policy names every member of a request that is the id of a workspace', async () => {
      type Schema = {
        $ref?: string
        properties?: Record<string, Schema>
        format?: string
        items?: Schema
        anyOf?: Schema[]
      }
      type Operation = {
        parameters?: { name: string; in: string; schema: Schema }[]
        requestBody?: { content: Record<string, { schema: Schema }> }
      }
      const { body: document } = await h.request<{
        paths: Record<string, Record<string, Operation>>
        components: { schemas: Record<string, Schema> }
      }>('/openapi.json')
      const resolved = ({ $ref, ...schema }: Schema): Schema =>
        $ref === undefined ? schema : (document.components.schemas[$ref.split('/').at(-1) ?? ''] ?? {})
      const isId = (schema: Schema): boolean =>
        schema.format === 'uuid' ||
        (schema.items !== undefined && isId(schema.items)) ||
        schema.anyOf?.some(isId) === true
      /** Members and parameters with ids of other things. */
      const OTHER_IDS = new Set(['since_id'])
      for (const [path, operations] of Object.entries(document.paths)) {
        for (const [method, { parameters = [], requestBody }] of Object.entries(operations)) {
          const route = `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`
          const policy = ROUTE_POLICIES[route]
          if (typeof policy !== 'object') continue
          const schema = resolved(requestBody?.content['application/json']?.schema ?? {})
          const inBody = Object.entries(schema.properties ?? {}).filter(
            ([name, one]) => isId(one) && !OTHER_IDS.has(name),
          )
          const inQuery = parameters.filter(
            (one) => one.in === 'query' && isId(one.schema) && !OTHER_IDS.has(one.name),
          )
          for (const [name] of inBody)
            expect([route, policy.others?.body]).toEqual([route, expect.arrayContaining([name])])
          for (const { name } of inQuery)
            expect([route, policy.others?.query]).toEqual([route, expect.arrayContaining([name])])
        }
      }
    })
  })

  test('a token reads, and lists, the workspaces it is for', async () => {
    const listed = async (who: string) =>
      (await h.request<Json[]>('/workspaces', { headers: credentials[who] ?? {} })).body.map(({ id }) => id)
    expect(await listed('read here')).toEqual([own])
    expect(await listed('read elsewhere')).toHaveLength(2)
    expect(await listed('read')).toHaveLength(3)
  })

  test.each(GUARDED.filter(({ door }) => door.includes(':id')))(
    '$door is not found where its id is none',
    async ({ door }) => {
      for (const who of ['its agent', 'a peer']) {
        const { status } = await knock(h, door, 'not-a-uuid', credentials[who] ?? {})
        expect([who, status]).toEqual([
          who,
          /(tokens|rollouts)\/:id/.test(door) ? 403 : door.includes(':message') ? 400 : 404,
        ])
      }
    },
  )

  test('an agent is known by its id in capitals too', async () => {
    const path = `/workspaces/${own.toUpperCase()}/activity`
    expect((await h.request(path, { headers: credentials['its agent'] ?? {} })).status).toBe(200)
    expect((await h.request(path, { headers: credentials['a peer'] ?? {} })).status).toBe(404)
  })

  test('what asks for nothing is open', async () => {
    // Without one for a while it is not ready.
    await h.sweep()
    const open = ROWS.filter(({ door, scope }) => scope === 'public' && door.startsWith('GET '))
    for (const { door } of open) {
      expect([door, (await h.fetchRaw(door.slice(4))).status]).toEqual([door, door === 'GET /' ? 302 : 200])
    }
  })
})

describe('tokens', () => {
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

  test('are shown once, listed without what opens anything, and say when they were used', async () => {
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

  test('that were revoked are over at once, and say so', async () => {
    const { body } = await call('POST', '/tokens', { name: 'short', scopes: ['read'] })
    const token = String(body['token'])
    expect((await call('GET', '/workspaces', undefined, token)).status).toBe(200)
    expect((await call('DELETE', `/tokens/${String(body['id'])}`)).body).toMatchObject({ status: 'revoked' })
    expect(await call('GET', '/workspaces', undefined, token)).toMatchObject({
      status: 401,
      body: { error: 'this token has been revoked' },
    })
    expect((await call('DELETE', `/tokens/${String(body['id'])}`)).status).toBe(404)
  })

  test('that expired say when', async () => {
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
    ['a misspelt member', { name: 'a', scopes: ['read'], expires: 3 }, 'body'],
  ])('are refused with %s', async (_, json, field) => {
    expect(await call('POST', '/tokens', json)).toMatchObject({ status: 400, body: { errors: [{ field }] } })
  })

  test("of a workspace that were asked for outlive its machine's, and end with the workspace", async () => {
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
    const beat = { workspace_id: id, active_tasks: 0, current_task: '', error_rate: 0, uptime_seconds: 1 }
    expect((await call('POST', '/registry/heartbeat', beat, token)).status).toBe(200)
    const { tokens } = (await call('GET', `/workspaces/${id}/tokens`)).body as { tokens: Json[] }
    const ofSecond = tokens.find(({ prefix }) => prefix === second.slice(0, 8))
    expect((await call('DELETE', `/workspaces/${id}/tokens/${String(ofSecond?.['id'])}`)).body).toEqual({
      status: 'revoked',
    })
    expect((await call('GET', `/workspaces/${id}`, undefined, second)).status).toBe(401)
    await call('DELETE', `/workspaces/${id}`)
    expect((await call('GET', `/workspaces/${id}`, undefined, token)).status).toBe(401)
  })

  test('of a workspace are fifty at most', async () => {
    const { body: made } = await call('POST', '/workspaces', { name: 'many' })
    const path = `/workspaces/${String(made['id'])}/tokens`
    await h.untilIdle()
    const statuses: number[] = []
    for (let at = 0; at < 51; at++) statuses.push((await call('POST', path)).status)
    expect(statuses.filter((status) => status === 201).length).toBeGreaterThanOrEqual(49)
    expect(statuses.at(-1)).toBe(429)
  })
})

test('digests are compared in full: what differs is found wherever it is, and nothing else is', () => {
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

describe('wrong tokens', () => {
  test('are counted by address: guessing is slowed down, an agent that repeats itself is not, and good ones still work', async () => {
    const h = await createHarness({ env: { ADMIN_TOKEN: 'first-admin-token', TRUSTED_PROXY: 'fly' } })
    try {
      const at = (address: string, token: string) =>
        h.request('/workspaces', {
          headers: { authorization: `Bearer ${token}`, 'fly-client-ip': address },
        })
      for (let times = 0; times < 100; times++) {
        expect((await at('192.0.2.1', 'always-the-same-wrong-token')).status).toBe(401)
      }
      const statuses: number[] = []
      for (let times = 0; times < 40; times++) statuses.push((await at('192.0.2.1', `guess-${times}`)).status)
      expect(statuses.slice(0, 29)).toEqual(statuses.slice(0, 29).fill(401))
      expect(statuses.at(-1)).toBe(429)
      const refused = await at('192.0.2.1', 'one-more')
      expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      expect((await at('192.0.2.2', 'first-admin-token')).status).toBe(200)
      // Where it has been good lately, it is no guess, also when it is looked up anew.
      h.advance(6_000)
      expect((await at('192.0.2.1', 'one-more-guess')).status).toBe(401)
      expect((await at('192.0.2.1', 'and-another')).status).toBe(429)
      expect((await at('192.0.2.1', 'first-admin-token')).status).toBe(200)
      expect((await h.logs()).filter(({ message }) => message === 'invalid tokens').length).toBeLessThan(5)
    } finally {
      await h.close()
    }
  })

  test('are counted where agents call home too, and do not hold up those who have been there', async () => {
    const h = await createHarness({ env: { ADMIN_TOKEN: 'first-admin-token', TRUSTED_PROXY: 'fly' } })
    try {
      const headers = { authorization: 'Bearer first-admin-token', prefer: 'wait=20' }
      const json = { name: 'a', runtime: 'hermes' }
      const { body } = await h.request('/workspaces', { method: 'POST', headers, json })
      const id = String(body['id'])
      const token = await h.tokenOf(id)
      const beat = async (bearer: string) =>
        (
          await h.request('/registry/heartbeat', {
            method: 'POST',
            headers: { authorization: `Bearer ${bearer}`, 'fly-client-ip': '192.0.2.3' },
            json: { workspace_id: id, active_tasks: 0, error_rate: 0, uptime_seconds: 1 },
          })
        ).status
      expect(await beat(token)).toBe(200)
      const statuses: number[] = []
      for (let times = 0; times < 40; times++) statuses.push(await beat(`guess-${times}`))
      expect([statuses[0], statuses.at(-1)]).toEqual([401, 429])
      expect(await beat(token)).toBe(200)
    } finally {
      await h.close()
    }
  })
})

describe('without ADMIN_TOKEN', () => {
  let closed: Harness
  beforeAll(async () => {
    closed = await createHarness({ loopback: false })
  })
  afterAll(() => closed.close())

  test.each(GUARDED)(
    '$door is closed on an address that is not loopback, and says what opens it',
    async ({ door }) => {
      const answer = await knock(closed, door, crypto.randomUUID(), { authorization: 'Bearer anything' })
      expect(answer.status).toBe(503)
      expect(JSON.stringify(answer.body)).toContain('ADMIN_TOKEN')
    },
  )

  test('loopback is open to programs here, and closed to tunnels, rebound names and web pages', async () => {
    const h = await createHarness()
    try {
      for (const base of ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080']) {
        expect((await h.fetchRaw(`${base}/workspaces`)).status).toBe(200)
      }
      expect((await h.fetchRaw('https://my-tunnel.example.com/workspaces')).status).toBe(401)
      expect((await h.fetchRaw('http://localhost.evil.example:8080/workspaces')).status).toBe(401)
      for (const [origin, status] of [
        ['https://evil.example', 403],
        ['null', 403],
        ['http://localhost:3000', 200],
      ] as const) {
        expect([origin, (await h.request('/workspaces', { headers: { origin } })).status]).toEqual([
          origin,
          status,
        ])
      }
      expect((await h.request('/workspaces', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(
        403,
      )
      expect((await h.request('/workspaces', { headers: { authorization: 'Bearer wrong' } })).status).toBe(
        401,
      )
    } finally {
      await h.close()
    }
  })
})
