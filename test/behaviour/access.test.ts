// Access to every route: SECURITY.md says row by row what each kind of caller may do, and every route is requested by all of them.
// Without ADMIN_TOKEN the API is open to local programs only.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROUTE_POLICIES } from '../../functions/access-policy.ts'
import {
  type Callers,
  createCallers,
  GUARDED,
  openAccessHarness,
  ROWS,
  type Row,
  SCOPES,
  TARGET_SLUG,
} from '../support/access-callers.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

/** Sends a request that cannot succeed: only whether the caller is let through matters. */
const attempt = (h: Harness, route: string, id: string, headers: Record<string, string> = {}) => {
  const [method = '', pattern = ''] = route.split(' ')
  const path = pattern.replace(':id', id).replace(/:\w+/, crypto.randomUUID())
  return h.request(method === 'DELETE' ? `${path}?confirm=perhaps&restart=perhaps` : path, {
    method,
    headers,
    ...(method === 'GET' || method === 'DELETE' ? {} : { json: { image: 5, method: 5 } }),
  })
}

describe('with ADMIN_TOKEN', () => {
  let h: Harness
  /** The workspace whose routes are requested. */
  let target: string
  /** The headers of every kind of caller. */
  let credentials: Callers['credentials']

  beforeAll(async () => {
    h = await openAccessHarness()
    ;({ credentials, target } = await createCallers(h))
  })
  afterAll(() => h.close())

  type Expected = 'allowed' | 401 | 403 | 404

  /** What SECURITY.md says about a caller. */
  function documented(row: Row, who: string): Expected {
    const needs = SCOPES.indexOf(row.scope)
    const [scope = '', where] = who.split(' ')
    if (SCOPES.includes(scope)) {
      if (where !== undefined && row.some === 'no') return 403
      if (where === 'elsewhere' && row.route.includes(':id') && row.some !== 'no') return 404
      return needs !== -1 && SCOPES.indexOf(scope) >= needs ? 'allowed' : 403
    }
    switch (who) {
      case 'the first admin':
      case 'the second admin':
        return row.scope === '–' ? 403 : 'allowed'
      case 'its agent':
        return row.agent === 'no' ? 403 : 'allowed'
      case 'a peer':
      case 'a non-peer':
        if (row.agent.endsWith('decided per record')) return 'allowed'
        if (row.agent === 'its peers') return who === 'a peer' ? 'allowed' : 404
        return /(workspaces|registry|events)\/:id/.test(row.route) ? 404 : 403
      default:
        return 401
    }
  }

  testInProcess(
    'the test reads its routes',
    'SECURITY.md and the access policy have one row for every route',
    () => {
      const routes = h.app.routes
        .filter(({ method }) => method !== 'ALL')
        .map(({ method, path }) => `${method} ${path}`)
      // The A2A handler takes every method and uses the same row (functions/routes/a2a/handler.ts).
      const expected = new Set([...routes, 'POST /workspaces/:id/a2a'])
      expect(new Set(Object.keys(ROUTE_POLICIES))).toEqual(expected)
      expect(ROWS.map(({ route }) => route)).toEqual(Object.keys(ROUTE_POLICIES))
    },
  )

  const decisionOf = ({ body, status }: { status: number; body: unknown }): Expected => {
    if (status === 401 || status === 403) return status
    return status === 404 && JSON.stringify(body).includes('workspace not found') ? 404 : 'allowed'
  }

  test.each(GUARDED)('the route $route allows the callers that SECURITY.md lists', async (row) => {
    for (const [who, headers] of Object.entries(credentials)) {
      const answer = await attempt(h, row.route, target, headers)
      expect({ who, is: decisionOf(answer) }).toEqual({ who, is: documented(row, who) })
      if (answer.status === 401) expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    }
  })

  const aboutOne = GUARDED.filter(({ route }) => /(workspaces|registry|discover|events)\/:id/.test(route))

  test.each(aboutOne)(
    'the route $route allows the same callers with the slug of the workspace',
    async (row) => {
      for (const [who, headers] of Object.entries(credentials)) {
        // A record of another workspace is found by the id of that workspace only.
        const isRecordOfOthers = row.agent.endsWith('decided per record') && /^a (peer|non-peer)$/.test(who)
        const is = isRecordOfOthers ? 404 : documented(row, who)
        const answer = await attempt(h, row.route, TARGET_SLUG, headers)
        expect({ who, is: decisionOf(answer) }).toEqual({ who, is })
      }
    },
  )

  test.each(aboutOne)('the route $route tells nobody without access which slugs exist', async ({ route }) => {
    for (const who of ['a wrong token', 'operate elsewhere', 'exec elsewhere', 'a peer', 'a non-peer']) {
      const of = async (slug: string) => {
        const { body, status } = await attempt(h, route, slug, credentials[who])
        return { who, status, body: { ...body, request_id: '' } }
      }
      const existing = await of(TARGET_SLUG)
      // A peer may find it, and then gets the answer of the route.
      if (decisionOf(existing) !== 'allowed') expect(await of('no-such-workspace')).toEqual(existing)
    }
  })

  test('a token for some workspaces lists only those', async () => {
    const listed = async (who: string) =>
      (await h.request<Json[]>('/workspaces', { headers: credentials[who] ?? {} })).body.map(({ id }) => id)
    expect(await listed('read here')).toEqual([target])
    expect(await listed('read elsewhere')).toHaveLength(2)
    expect(await listed('read')).toHaveLength(3)
  })

  test.each(GUARDED.filter(({ route }) => route.includes(':id')))(
    'the route $route is not found for an invalid id',
    async ({ route }) => {
      for (const who of ['its agent', 'a peer']) {
        const { status } = await attempt(h, route, 'not-a-uuid', credentials[who] ?? {})
        expect([who, status]).toEqual([who, /(tokens|rollouts)\/:id/.test(route) ? 403 : 404])
      }
    },
  )

  test('an agent is recognised by its id in upper case', async () => {
    const path = `/workspaces/${target.toUpperCase()}/activity`
    expect((await h.request(path, { headers: credentials['its agent'] ?? {} })).status).toBe(200)
    expect((await h.request(path, { headers: credentials['a peer'] ?? {} })).status).toBe(404)
  })

  test('public routes need no token', async () => {
    // Without a recent sweep /readyz is not ok.
    await h.sweep()
    // The files of the reference and the console are served by the platform, outside the app (functions/node/assets.ts).
    const open = ROWS.filter(
      ({ route, scope }) => scope === 'public' && route.startsWith('GET ') && !route.endsWith('/:file'),
    )
    for (const { route } of open) {
      // The address of a hook answers only Slack's check.
      expect([route, (await h.fetchRaw(`${route.slice(4)}?ssl_check=1`)).status]).toEqual([
        route,
        route === 'GET /' ? 302 : 200,
      ])
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
    'the route $route is closed on an address other than loopback, and the error names ADMIN_TOKEN',
    async ({ route }) => {
      const answer = await attempt(closed, route, crypto.randomUUID(), { authorization: 'Bearer anything' })
      expect(answer.status).toBe(503)
      expect(JSON.stringify(answer.body)).toContain('ADMIN_TOKEN')
    },
  )

  test('without ADMIN_TOKEN loopback is open to local programs, and closed to tunnels, rebound names and web pages', async () => {
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
