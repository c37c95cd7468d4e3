// Routes that name other workspaces in the body or the query: a token for some workspaces may name only those.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROUTE_POLICIES } from '../../functions/access-policy.ts'
import { type Callers, createCallers, openAccessHarness, ROWS } from '../support/access-callers.ts'
import type { Harness } from '../support/harness.ts'

let h: Harness
let target: string
let other: string
let credentials: Callers['credentials']
beforeAll(async () => {
  h = await openAccessHarness()
  ;({ credentials, other, target } = await createCallers(h))
})
afterAll(() => h.close())

describe('other workspaces than the one in the path', () => {
  const NAMED = Object.entries(ROUTE_POLICIES).flatMap(([route, policy]) => {
    const others = typeof policy === 'object' ? policy.others : undefined
    return [
      ...(others?.body ?? []).map((member) => ({ route, member, at: 'body' })),
      ...(others?.query ?? []).map((member) => ({ route, member, at: 'query' })),
    ]
  })
  const isForSome = (route: string) => ROWS.find((row) => row.route === route)?.some !== 'no'

  const callNaming = (route: string, member: string, at: string, id: string, who: string) => {
    const [method = '', pattern = ''] = route.split(' ')
    const path = pattern.replace(':id', target).replace(/:\w+/, crypto.randomUUID())
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
    'the route $route refuses a token for some workspaces when $member in the $at is another workspace',
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

  test('a token for some workspaces cannot remove the parent of a workspace', async () => {
    const change = (who: string) =>
      h.request(`/workspaces/${target}`, {
        method: 'PATCH',
        headers: credentials[who] ?? {},
        json: { parent_id: null },
      })
    expect(await change('operate here')).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect((await change('operate')).status).toBe(200)
  })

  test.each(NAMED.filter(({ route }) => isForSome(route)))(
    'the route $route lets a token for some workspaces name its own workspace as $member in the $at',
    async ({ route, member, at }) => {
      const { body } = await callNaming(route, member, at, target, 'operate here')
      expect(body['error']).not.toBe('workspace not found')
    },
  )

  test.each(NAMED.filter(({ route }) => isForSome(route)))(
    'the table of SECURITY.md names $member of the route $route',
    ({ route, member }) => {
      expect(ROWS.find((row) => row.route === route)?.some).toContain(`\`${member}\``)
    },
  )

  test('lists contain only the workspaces of a token for some', async () => {
    const listing = Object.entries(ROUTE_POLICIES).filter(
      ([, policy]) => typeof policy === 'object' && policy.others?.response === true,
    )
    expect(listing.map(([route]) => route)).toContain('GET /registry/:id/peers')
    for (const [route] of listing) {
      const path = (route.split(' ')[1] ?? '').replace(':id', target)
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
