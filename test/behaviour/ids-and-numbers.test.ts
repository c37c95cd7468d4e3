// Ids in requests are the same in either case, and every number that a schema accepts can be stored.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const ADMIN = { authorization: 'Bearer the-admin-of-ids' }

let h: Harness
let id: string
let peer: string
let agent: { authorization: string }
beforeAll(async () => {
  h = await createHarness({
    env: {
      ADMIN_TOKEN: 'the-admin-of-ids',
      API_RATE_PER_MINUTE: '0',
      SECRETS_ENCRYPTION_KEY: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
    },
  })
  const create = async () => {
    const headers = { ...ADMIN, prefer: 'wait=20' }
    const { body } = await h.request('/workspaces', { method: 'POST', headers, json: { name: 'a' } })
    return String(body['id'])
  }
  id = await create()
  peer = await create()
  agent = { authorization: `Bearer ${await h.tokenOf(id)}` }
})
afterAll(() => h.close())

const call = (method: string, path: string, json?: unknown, headers: Record<string, string> = ADMIN) =>
  h.request(path, { method, headers, ...(json === undefined ? {} : { json }) })

describe('ids in upper case', () => {
  test('an agent registers, updates its card and sends heartbeats', async () => {
    const card = { name: 'loud' }
    const upper = id.toUpperCase()
    const answers = [
      await call('POST', '/registry/register', { id: upper, agent_card: card }, agent),
      await call('POST', '/registry/update-card', { workspace_id: upper, agent_card: card }, agent),
      await call('POST', '/registry/heartbeat', { workspace_id: upper, current_task: 'loud' }, agent),
      // The secret that it gets is that of its id in lower case.
      await call('POST', '/registry/heartbeat', { workspace_id: id }, agent),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(answers[2]?.body).toEqual(answers[3]?.body)
    expect((await call('GET', `/workspaces/${id}`)).body).toMatchObject({ current_task: 'loud' })
  })

  test('a parent is stored and shown in lower case', async () => {
    const child = { name: 'child', parent_id: id.toUpperCase() }
    const { body } = await call('POST', '/workspaces', child)
    expect(body['parent_id']).toBe(id)
    const patched = await call('PATCH', `/workspaces/${String(body['id'])}`, {
      parent_id: peer.toUpperCase(),
    })
    expect(patched.body['workspace']).toMatchObject({ parent_id: peer })
  })

  test('a token is limited to the workspace', async () => {
    const limited = { name: 'limited', scopes: ['read'], workspaces: [id.toUpperCase(), id] }
    const { body } = await call('POST', '/tokens', limited)
    expect(body['workspaces']).toEqual([id])
    const headers = { authorization: `Bearer ${String(body['token'])}` }
    expect((await call('GET', `/workspaces/${id.toUpperCase()}`, undefined, headers)).status).toBe(200)
  })

  test('access between two workspaces is checked', async () => {
    const pair = { caller_id: id.toUpperCase(), target_id: peer.toUpperCase() }
    expect((await call('POST', '/registry/check-access', pair, agent)).body).toEqual({ allowed: true })
  })

  test('activity names its source and is read on from an id', async () => {
    const report = { activity_type: 'agent_log', source_id: id.toUpperCase(), target_id: peer.toUpperCase() }
    expect((await call('POST', `/workspaces/${id}/activity`, report, agent)).status).toBe(200)
    const listed = (await call('GET', `/workspaces/${id}/activity?type=agent_log`)).body as unknown as Json[]
    expect(listed[0]).toMatchObject({ source_id: id, target_id: peer })
    const since = String(listed[0]?.['id']).toUpperCase()
    expect((await call('GET', `/workspaces/${id}/activity?since_id=${since}`)).status).toBe(200)
  })

  test('the audit is read by the id of a workspace', async () => {
    await call('PATCH', `/workspaces/${id.toUpperCase()}`, { role: 'audited' })
    await h.untilIdle()
    const { body } = await call('GET', `/audit?workspace_id=${id.toUpperCase()}`)
    expect((body['audit'] as Json[])[0]).toMatchObject({ workspace_id: id })
  })
})

describe('numbers', () => {
  const EXTREMES = [
    5e-324,
    1e-300,
    1.5e-45,
    -0,
    0.1,
    1,
    -1,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 63,
    1e38,
    3.5e38,
    1e308,
    -1e308,
  ]

  type Schema = {
    $ref?: string
    type?: string | string[]
    properties?: Record<string, Schema>
    anyOf?: Schema[]
  }
  type Operation = {
    parameters?: { name: string; in: string; schema: Schema }[]
    requestBody?: { content: Record<string, { schema: Schema }> }
  }

  /** Bodies in which one number is replaced. */
  const bodies = (): Record<string, Json> => ({
    'POST /registry/heartbeat': { workspace_id: id },
    'POST /workspaces': { name: 'numbers' },
    'POST /workspaces/:id/activity': { activity_type: 'agent_log' },
    'POST /tokens': { name: 'numbers', scopes: ['read'] },
    'POST /rollouts': { runtime: 'nobody-has-it' },
    'POST /webhook-endpoints': { url: 'https://example.com/numbers' },
  })

  test('no number in a body or a query is an error of the server', async () => {
    const { body: document } = await h.request<{
      paths: Record<string, Record<string, Operation>>
      components: { schemas: Record<string, Schema> }
    }>('/openapi.json')
    const resolved = ({ $ref, ...schema }: Schema): Schema =>
      $ref === undefined ? schema : (document.components.schemas[$ref.split('/').at(-1) ?? ''] ?? {})
    const isNumber = (schema: Schema): boolean =>
      [schema.type].flat().some((type) => type === 'number' || type === 'integer') ||
      schema.anyOf?.some(isNumber) === true
    const tried: string[] = []
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { parameters = [], requestBody }] of Object.entries(operations)) {
        const route = `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`
        const url = path
          .replaceAll('{id}', id)
          .replaceAll(/\{seq\}/g, '1')
          .replaceAll(/\{\w+\}/g, crypto.randomUUID())
        const headers = route.startsWith('POST /registry/heartbeat') ? agent : ADMIN
        const inQuery = parameters.filter((one) => one.in === 'query' && isNumber(one.schema))
        const schema = resolved(requestBody?.content['application/json']?.schema ?? {})
        const inBody = Object.entries(schema.properties ?? {}).filter(([, one]) => isNumber(one))
        for (const value of EXTREMES) {
          for (const { name } of inQuery) {
            const { status } = await call(method.toUpperCase(), `${url}?${name}=${value}`, undefined, headers)
            expect([route, name, value, status < 500]).toEqual([route, name, value, true])
            tried.push(`${route} ${name}`)
          }
          for (const [name] of inBody) {
            const json = { ...bodies()[route], [name]: value }
            const { status } = await call(method.toUpperCase(), url, json, headers)
            expect([route, name, value, status < 500]).toEqual([route, name, value, true])
            tried.push(`${route} ${name}`)
          }
        }
      }
    }
    expect(tried).toContain('POST /registry/heartbeat error_rate')
    expect(tried).toContain('POST /workspaces/:id/activity duration_ms')
    expect(tried).toContain('GET /events after')
  })

  test('an error rate below the range of its column is stored as 0', async () => {
    await call('POST', '/registry/heartbeat', { workspace_id: id, error_rate: 1e-300 }, agent)
    expect((await call('GET', `/workspaces/${id}`)).body).toMatchObject({ last_error_rate: 0 })
  })
})
