// Heartbeats that come at the same time share a statement. Each gets the answer that it would get alone.
import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { beatingAgents, hashOf, statusesOf } from '../support/beating-agents.ts'

const on = beatingAgents()

const lastUse = async (token: string) =>
  (await on.client.query('select last_used_at from workspace_tokens where hash = $1', [hashOf(token)]))
    .rows[0]

test('heartbeats that come while one is under way share a statement, and each stores what its agent reports', async () => {
  const [a, b, c] = await on.agents('a', 'b', 'c')
  await on.beat(b, { active_tasks: 4, current_task: 'reads', error_rate: 0.25, uptime_seconds: 90 })
  on.useStoreOf(() => new Promise(() => {}))
  const text = `"quoted", back\\slash, {braces} and\nlines`
  const answers = await on.beatTogether([
    [a, { active_tasks: 1, current_task: text, sample_error: 'none', error_rate: 0.125, uptime_seconds: 7 }],
    [b, { active_tasks: 0, uptime_seconds: 0 }],
    [c],
  ])
  expect(statusesOf(answers)).toEqual([200, 200, 200])
  expect(await on.statements()).toEqual([['a', 'b', 'c'], ['first']])
  expect(await on.read(a)).toMatchObject({
    active_tasks: 1,
    current_task: text,
    last_error_rate: 0.125,
    last_sample_error: 'none',
    uptime_seconds: 7,
    last_heartbeat_at: expect.any(String),
  })
  expect(await on.read(b)).toMatchObject({
    active_tasks: 0,
    current_task: 'reads',
    last_error_rate: 0.25,
    uptime_seconds: 90,
  })
  expect(await on.read(c)).toMatchObject({ active_tasks: 0, current_task: '', uptime_seconds: 0 })
  const { rows: active } = await on.client.query(
    `select name from workspaces where last_active_at is not null order by name`,
  )
  expect(active).toEqual([{ name: 'a' }, { name: 'b' }])
  for (const { token } of [a, b, c]) expect(await lastUse(token)).toEqual({ last_used_at: expect.any(Date) })
  // The secret is the one that each gets alone.
  for (const [at, one] of [a, b, c].entries()) expect((await on.beat(one)).body).toEqual(answers[at]?.body)
})

test('a token of another workspace and a token that does not exist are refused, and the others are stored', async () => {
  const [a, b, m] = await on.agents('a', 'b', 'm')
  const answers = await on.beatTogether([[a], [{ id: m.id, token: a.token }, { active_tasks: 9 }], [b]])
  expect(statusesOf(answers)).toEqual([200, 401, 200])
  expect(await on.statements()).toEqual([['a', 'b'], ['first']])
  expect(await on.read(m)).toMatchObject({ active_tasks: 0, last_heartbeat_at: null })
  const storeBeat = on.storeOf(async () => {})
  const none = {
    errorRate: null,
    sampleError: null,
    activeTasks: null,
    currentTask: null,
    uptimeSeconds: null,
  }
  const hashes = [a, b, { id: m.id, token: 'unknown' }]
  const stored = await Promise.all(
    hashes.map(({ id, token }) => storeBeat({ ...none, id, hash: hashOf(token) })),
  )
  expect(stored.map((one) => one?.row?.id)).toEqual([a.id, b.id, undefined])
  expect(stored[2]).toBeUndefined()
})

test('two tokens of one workspace that come at the same time are both stored, and each gets its own answer', async () => {
  const [a, b] = await on.agents('a', 'b')
  const second = { id: a.id, token: await on.tokenFor(a.id, null) }
  const answers = await on.beatTogether([[a, { error_rate: 0.1 }], [second, { active_tasks: 3 }], [b]])
  expect(statusesOf(answers)).toEqual([200, 200, 200])
  expect(await on.read(a)).toMatchObject({ active_tasks: 3, last_error_rate: 0.1 })
  for (const { token } of [a, second])
    expect(await lastUse(token)).toEqual({ last_used_at: expect.any(Date) })
  for (const [at, one] of [a, second].entries()) expect((await on.beat(one)).body).toEqual(answers[at]?.body)
})

test('a workspace that is removed meanwhile takes no heartbeat, and the others are stored', async () => {
  const [a, m, z] = await on.agents('a', 'm', 'z')
  const answers = await on.beatTogether([[a], [m, { active_tasks: 9 }], [z]], async () =>
    expect((await on.h.request(`/workspaces/${m.id}`, { method: 'DELETE' })).status).toBe(200),
  )
  expect(statusesOf(answers)).toEqual([200, 401, 200])
  expect(await on.statements()).toEqual([['a', 'z'], ['first']])
})

test('heartbeats of one workspace are stored in their order, beside others', async () => {
  const [a, b] = await on.agents('a', 'b')
  const answers = await on.beatTogether([
    [a, { active_tasks: 3, current_task: 'first' }],
    [b],
    [a, { active_tasks: 2, current_task: 'second' }],
    [a, { active_tasks: 0, current_task: 'last' }],
  ])
  expect(statusesOf(answers)).toEqual([200, 200, 200, 200])
  expect(await on.read(a)).toMatchObject({ active_tasks: 0, current_task: 'last' })
  // The first one counts: it was at work until the last one came.
  const { rows } = await on.client.query(
    'select last_active_at is not null as "wasActive" from workspaces where id = $1',
    [a.id],
  )
  expect(rows).toEqual([{ wasActive: true }])
})

test('a heartbeat that reports trouble has its event, and the others of its statement have none', async () => {
  const [a, b, m] = await on.agents('a', 'b', 'm')
  const answers = await on.beatTogether([[a, { error_rate: 0.1 }], [m, { error_rate: 0.75 }], [b]])
  expect(statusesOf(answers)).toEqual([200, 200, 200])
  expect(await on.read(m)).toMatchObject({ status: 'degraded', reason: { code: 'high_error_rate' } })
  const { rows } = await on.client.query('select workspace_id, type, payload from events')
  expect(rows).toMatchObject([{ workspace_id: m.id, payload: { status: 'degraded', error_rate: 0.75 } }])
})

test('a heartbeat that Postgres refuses is answered 500, and the others are stored', async () => {
  const [a, m, z] = await on.agents('a', 'm', 'z')
  await on.client.query(`alter table workspaces add constraint test_only check (current_task <> 'refused')`)
  const answers = await on.beatTogether([
    [a],
    [m, { current_task: 'refused' }],
    [z, { active_tasks: 1 }],
    [m],
  ])
  expect(statusesOf(answers)).toEqual([200, 500, 200, 200])
  expect(await on.read(z)).toMatchObject({ active_tasks: 1 })
  expect(await on.read(m)).toMatchObject({ current_task: '', last_heartbeat_at: expect.any(String) })
})

test('a token that is revoked meanwhile is refused, and the others are stored', async () => {
  const [a, m, z] = await on.agents('a', 'm', 'z')
  const answers = await on.beatTogether([[a], [m, { active_tasks: 9 }], [z]], () =>
    on.h.db.execute(sql`update workspace_tokens set revoked_at = now() where workspace_id = ${m.id}`),
  )
  expect(statusesOf(answers)).toEqual([200, 401, 200])
  expect(await on.read(m)).toMatchObject({ active_tasks: 0, last_heartbeat_at: null })
})

test('the first use of a new token revokes those of older generations, beside others', async () => {
  const [a, m] = await on.agents('a', 'm')
  await on.client.query('update workspaces set generation = 2 where id = $1', [m.id])
  const renewed = { id: m.id, token: await on.tokenFor(m.id, 2) }
  const requested = { id: a.id, token: await on.tokenFor(a.id, null) }
  expect(statusesOf(await on.beatTogether([[a], [m, { active_tasks: 7 }]]))).toEqual([200, 200])
  // What the program of the older generation reports is ignored.
  expect(await on.read(m)).toMatchObject({ active_tasks: 0 })
  const answers = await on.beatTogether([[requested], [renewed, { active_tasks: 2 }]])
  expect(statusesOf(answers)).toEqual([200, 200])
  expect(await on.read(m)).toMatchObject({ active_tasks: 2 })
  expect((await on.beat(m)).status).toBe(401)
  expect(statusesOf([await on.beat(a), await on.beat(renewed), await on.beat(requested)])).toEqual([
    200, 200, 200,
  ])
})
