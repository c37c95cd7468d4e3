// The audit: every requested change has an entry with its outcome, and the event of the change names the caller.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const ADMIN = 'an-admin-of-this-test'

let h: Harness
beforeAll(async () => {
  h = await createHarness({ env: { ADMIN_TOKEN: ADMIN, EVENTS_RETENTION_DAYS: '365', TRUSTED_PROXY: 'fly' } })
})
afterAll(() => h.close())

const call = (method: string, path: string, json?: unknown, token = ADMIN) =>
  h.request(path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'fly-client-ip': '192.0.2.7',
      'user-agent': 'a-script/1.0',
      prefer: 'wait=20',
    },
    ...(json === undefined ? {} : { json }),
  })

type Answer = { audit: Json[]; next: number | null }
async function audit(query = ''): Promise<Answer> {
  await h.untilIdle()
  return (await call('GET', `/audit${query}`)).body as Answer
}

describe('the audit log', () => {
  test('an audit entry has the caller, the route, the workspace, the address and the outcome', async () => {
    const made = await call('POST', '/workspaces', { name: 'watched', runtime: 'hermes' })
    const id = String(made.body['id'])
    const [row] = (await audit(`?workspace_id=${id}`)).audit
    expect(row).toEqual({
      seq: expect.any(Number) as number,
      at: expect.any(String) as string,
      caller: 'admin',
      caller_name: null,
      route: 'POST /workspaces',
      workspace_id: id,
      status: 201,
      outcome: 'ok',
      address: '192.0.2.7',
      request_id: made.headers.get('x-request-id'),
      user_agent: 'a-script/1.0',
    })
  })

  test('changes at the same time have an entry each', async () => {
    const { audit: before } = await audit('?limit=1')
    const answers = await Promise.all(
      Array.from({ length: 120 }, () => call('DELETE', `/workspaces/${crypto.randomUUID()}`)),
    )
    const { audit: rows } = await audit(`?after=${Number(before[0]?.['seq'] ?? 0)}&limit=200`)
    expect(new Set(rows.map((row) => row['request_id']))).toEqual(
      new Set(answers.map(({ headers }) => headers.get('x-request-id'))),
    )
    expect(rows).toHaveLength(answers.length)
  })

  test('the audit contains refused changes and the name of the token', async () => {
    const { body: made } = await call('POST', '/tokens', { name: 'only looks', scopes: ['read'] })
    const id = crypto.randomUUID()
    expect((await call('DELETE', `/workspaces/${id}`, undefined, String(made['token']))).status).toBe(403)
    await h.untilIdle()
    expect((await call('PATCH', `/workspaces/${id}`, { tier: 2 })).status).toBe(404)
    const rows = (await audit(`?workspace_id=${id}`)).audit
    expect(rows).toMatchObject([
      { route: 'PATCH /workspaces/:id', status: 404, outcome: 'refused', caller: 'admin' },
      { route: 'DELETE /workspaces/:id', status: 403, outcome: 'refused', caller_name: 'only looks' },
    ])
    const ofToken = await audit(`?caller=token:${String(made['id'])}`)
    expect(ofToken.audit).toMatchObject([{ status: 403 }])
  })

  test('the audit contains no unauthenticated requests, no reads and no reports of agents', async () => {
    const before = (await audit()).next ?? 0
    await call('DELETE', `/workspaces/${crypto.randomUUID()}`, undefined, 'wrong')
    await call('GET', '/workspaces')
    const { body: made } = await call('POST', '/workspaces', { name: 'reports', runtime: 'hermes' })
    const id = String(made['id'])
    await call('POST', `/workspaces/${id}/activity`, { activity_type: 'agent_log' }, await h.tokenOf(id))
    const { audit: rows } = await audit(`?after=${before}`)
    expect(rows).toMatchObject([{ route: 'POST /workspaces' }])
  })

  test('an audit entry names the other workspaces of a request, also when it was refused', async () => {
    const [id, other] = await Promise.all(
      ['from', 'to'].map(async (name) => String((await call('POST', '/workspaces', { name })).body['id'])),
    )
    const { body: limited } = await call('POST', '/tokens', {
      name: 'limited',
      scopes: ['operate'],
      workspaces: [id],
    })
    const token = String(limited['token'])
    expect((await call('PATCH', `/workspaces/${id}`, { parent_id: other }, token)).status).toBe(404)
    await h.untilIdle()
    const task = { target_id: other?.toUpperCase(), task: 'read V' }
    expect((await call('POST', `/workspaces/${id}/delegate`, task, token)).status).toBe(404)
    expect((await audit(`?workspace_id=${id}`)).audit.slice(0, 2)).toMatchObject([
      { route: 'POST /workspaces/:id/delegate', status: 404, other_workspaces: [other] },
      { route: 'PATCH /workspaces/:id', status: 404, other_workspaces: [other] },
    ])
  })

  test('the audit contains that a workspace read its secrets', async () => {
    const { body: made } = await call('POST', '/workspaces', { name: 'reads', runtime: 'hermes' })
    const id = String(made['id'])
    await call('GET', `/workspaces/${id}/secrets/values`, undefined, await h.tokenOf(id))
    expect((await audit(`?workspace_id=${id}`)).audit[0]).toMatchObject({
      caller: `workspace:${id}`,
      route: 'GET /workspaces/:id/secrets/values',
    })
  })

  test('the audit is read page by page without gaps or repetitions', async () => {
    for (let times = 0; times < 7; times++)
      await call('POST', '/tokens', { name: `t${times}`, scopes: ['read'] })
    const all = (await audit('?after=0&limit=1000')).audit.map(({ seq }) => seq)
    const paged: unknown[] = []
    for (let after = 0; ;) {
      const page = await audit(`?after=${after}&limit=3`)
      if (page.audit.length === 0) break
      paged.push(...page.audit.map(({ seq }) => seq))
      after = page.next ?? 0
    }
    expect(paged).toEqual(all)
  })

  test('an audit entry about a token has no workspace', async () => {
    const { body: token } = await call('POST', '/tokens', { name: 'brief', scopes: ['read'] })
    await h.untilIdle()
    await call('DELETE', `/tokens/${String(token['id'])}`)
    const [row] = (await audit()).audit
    expect(row).toMatchObject({ route: 'DELETE /tokens/:id', status: 200, workspace_id: null })
  })

  test('audit entries are deleted after their retention period, and the events of workspaces are kept', async () => {
    const { body: made } = await call('POST', '/workspaces', { name: 'old', runtime: 'hermes' })
    const path = `/workspaces/${String(made['id'])}/explain`
    const events = async () => (await call('GET', path)).body['recent_events'] as Json[]
    const before = await events()
    h.advance(91 * 86_400_000)
    await h.runRetention()
    expect((await audit()).audit).toEqual([])
    expect(await events()).toEqual(before)
  })
})

test('an event has the caller who requested the change, and none for automatic changes', async () => {
  const { body: made } = await call('POST', '/workspaces', { name: 'asked', runtime: 'hermes' })
  const { body: token } = await call('POST', '/tokens', { name: 'restarts', scopes: ['operate'] })
  await call('POST', `/workspaces/${String(made['id'])}/restart`, undefined, String(token['token']))
  const { body } = await call('GET', `/workspaces/${String(made['id'])}/explain`)
  const by = Object.fromEntries(
    (body['recent_events'] as { type: string; payload: Json }[]).map(({ type, payload }) => [
      type,
      payload['by'],
    ]),
  )
  expect(by).toMatchObject({
    workspace_created: 'admin',
    restart_requested: `token:${String(token['id'])}`,
    machine_created: undefined,
  })
  const text = await h.fetchRaw(`/workspaces/${String(made['id'])}/explain`, {
    headers: { authorization: `Bearer ${ADMIN}`, accept: 'text/plain' },
  })
  expect(await text.text()).toContain(`restart_requested by token:${String(token['id'])}`)
})
