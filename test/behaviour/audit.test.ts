// Who did what: every change that somebody asked for leaves a row, whatever became of it, and the change itself says for whom
// it was made.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const ADMIN = 'an-admin-who-is-watched'

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

describe('the audit', () => {
  test('has who, what, which workspace, from where, and the outcome', async () => {
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

  test('has what was refused, and by name whose token it was', async () => {
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

  test('has nothing of strangers, of reading, or of what agents say all day', async () => {
    const before = (await audit()).next ?? 0
    await call('DELETE', `/workspaces/${crypto.randomUUID()}`, undefined, 'wrong')
    await call('GET', '/workspaces')
    const { body: made } = await call('POST', '/workspaces', { name: 'talks', runtime: 'hermes' })
    const id = String(made['id'])
    await call('POST', `/workspaces/${id}/activity`, { activity_type: 'agent_log' }, await h.tokenOf(id))
    const { audit: rows } = await audit(`?after=${before}`)
    expect(rows).toMatchObject([{ route: 'POST /workspaces' }])
  })

  test('names the other workspaces of a request, also where it was refused', async () => {
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

  test('has it when a workspace reads its secrets', async () => {
    const { body: made } = await call('POST', '/workspaces', { name: 'reads', runtime: 'hermes' })
    const id = String(made['id'])
    await call('GET', `/workspaces/${id}/secrets/values`, undefined, await h.tokenOf(id))
    expect((await audit(`?workspace_id=${id}`)).audit[0]).toMatchObject({
      caller: `workspace:${id}`,
      route: 'GET /workspaces/:id/secrets/values',
    })
  })

  test('is read on from where one was, without a gap or a double', async () => {
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

  test('of what is no workspace has no workspace', async () => {
    const { body: token } = await call('POST', '/tokens', { name: 'brief', scopes: ['read'] })
    await call('DELETE', `/tokens/${String(token['id'])}`)
    const [row] = (await audit()).audit
    expect(row).toMatchObject({ route: 'DELETE /tokens/:id', status: 200, workspace_id: null })
  })

  test('is forgotten after its time, and the story of workspaces is not', async () => {
    const { body: made } = await call('POST', '/workspaces', { name: 'old', runtime: 'hermes' })
    const path = `/workspaces/${String(made['id'])}/explain`
    const told = async () => (await call('GET', path)).body['recent_events'] as Json[]
    const before = await told()
    h.advance(91 * 86_400_000)
    await h.runRetention()
    expect((await audit()).audit).toEqual([])
    expect(await told()).toEqual(before)
  })
})

test('a change says who asked for it, and what happens by itself says nobody', async () => {
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
