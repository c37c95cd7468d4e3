// Heartbeats that come at the same time share a statement. Each gets the answer that it would get alone.
import { createHash, randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest'
import { createStoreBeatsTogether } from '../../lib/registry/beats-together.ts'
import { createStoreBeat } from '../../lib/registry/store-beat.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
let url: string
let client: Client
let begun = 0
beforeEach(async () => {
  h = await createHarness()
  const address = new URL(inject('postgresUrl'))
  const [database] = await h.db.select({ name: sql<string>`name` }).from(sql`current_database() as name`)
  address.pathname = `/${database?.name}`
  url = address.href
  client = new Client({ connectionString: url })
  await client.connect()
  // A statement under way is waited for, however long it takes.
  useStoreOf(() => new Promise(() => {}))
})
afterEach(async () => {
  await client.end()
  await h.close()
})

function useStoreOf(sleep: () => Promise<void>): void {
  const storeBeat = storeOf(sleep)
  begun = 0
  h.services.storeBeat = (beat) => {
    begun++
    return storeBeat(beat)
  }
}

/** As in a process of its own. */
const storeOf = (sleep: () => Promise<void>) =>
  createStoreBeat({ db: h.db, now: h.now, sleep }, createStoreBeatsTogether)

type Agent = { id: string; token: string }

/** Workspaces that are ready, whose agents have tokens. */
async function agents<Names extends readonly string[]>(...names: Names) {
  const created: Agent[] = []
  for (const name of names) created.push(await agent(name))
  return created as { [At in keyof Names]: Agent }
}

async function agent(name: string): Promise<Agent> {
  const id = randomUUID()
  await client.query(
    `insert into workspaces (id, name, runtime, tier, regions, status, status_changed_at, created_at, updated_at)
     values ($1, $2, 'external', 1, '[]', 'ready', now(), now(), now())`,
    [id, name],
  )
  return { id, token: await tokenFor(id, 1) }
}

async function tokenFor(id: string, generation: number | null): Promise<string> {
  const token = randomUUID()
  await client.query(
    'insert into workspace_tokens (workspace_id, hash, prefix, generation, created_at) values ($1, $2, $3, $4, now())',
    [id, hashOf(token), token.slice(0, 8), generation],
  )
  return token
}

const hashOf = (token: string) => createHash('sha256').update(token).digest('hex')

const beat = ({ id, token }: Agent, fields: Json = {}) =>
  h.request('/registry/heartbeat', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    json: { workspace_id: id, ...fields },
  })

/** Statements of this test that wait for a lock. */
async function waiting(): Promise<number[]> {
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return rows.map(({ pid }) => pid)
}
const untilWaiting = (count: number) =>
  vi.waitFor(async () => expect(await waiting()).toHaveLength(count), { timeout: 60_000 })
const untilBegun = (count: number) => vi.waitFor(() => expect(begun).toBe(count), { timeout: 60_000 })

async function lock({ id }: Agent): Promise<() => Promise<unknown>> {
  await client.query('begin')
  await client.query('select from workspaces where id = $1 for update', [id])
  return () => client.query('rollback')
}

/** Sends heartbeats while the statement of an earlier one is under way. @returns their answers */
async function beatTogether(beats: [Agent, Json?][], meanwhile?: () => Promise<unknown>) {
  begun = 0
  const first = await agent('first')
  const release = await lock(first)
  const earlier = beat(first)
  await untilWaiting(1)
  const answers = []
  for (const [at, [one, fields]] of beats.entries()) {
    answers.push(beat(one, fields))
    await untilBegun(2 + at)
  }
  await meanwhile?.()
  await release()
  expect((await earlier).status).toBe(200)
  return Promise.all(answers)
}

const statusesOf = (answers: { status: number }[]) => answers.map(({ status }) => status)

/** The names of workspaces, together if one statement has stored them last. */
async function statements(): Promise<string[][]> {
  const { rows } = await client.query<{ names: string[] }>(
    `select array_agg(name order by name) as names from workspaces where last_heartbeat_at is not null
     group by xmin::text order by min(name)`,
  )
  return rows.map(({ names }) => names)
}

const read = async ({ id }: Agent) => (await h.request(`/workspaces/${id}`)).body
const lastUse = async (token: string) =>
  (await client.query('select last_used_at from workspace_tokens where hash = $1', [hashOf(token)])).rows[0]

test('heartbeats that come while one is under way share a statement, and each stores what its agent reports', async () => {
  const [a, b, c] = await agents('a', 'b', 'c')
  await beat(b, { active_tasks: 4, current_task: 'reads', error_rate: 0.25, uptime_seconds: 90 })
  useStoreOf(() => new Promise(() => {}))
  const text = `"quoted", back\\slash, {braces} and\nlines`
  const answers = await beatTogether([
    [a, { active_tasks: 1, current_task: text, sample_error: 'none', error_rate: 0.125, uptime_seconds: 7 }],
    [b, { active_tasks: 0, uptime_seconds: 0 }],
    [c],
  ])
  expect(statusesOf(answers)).toEqual([200, 200, 200])
  expect(await statements()).toEqual([['a', 'b', 'c'], ['first']])
  expect(await read(a)).toMatchObject({
    active_tasks: 1,
    current_task: text,
    last_error_rate: 0.125,
    last_sample_error: 'none',
    uptime_seconds: 7,
    last_heartbeat_at: expect.any(String),
  })
  expect(await read(b)).toMatchObject({
    active_tasks: 0,
    current_task: 'reads',
    last_error_rate: 0.25,
    uptime_seconds: 90,
  })
  expect(await read(c)).toMatchObject({ active_tasks: 0, current_task: '', uptime_seconds: 0 })
  const { rows: active } = await client.query(
    `select name from workspaces where last_active_at is not null order by name`,
  )
  expect(active).toEqual([{ name: 'a' }, { name: 'b' }])
  for (const { token } of [a, b, c]) expect(await lastUse(token)).toEqual({ last_used_at: expect.any(Date) })
  // The secret is the one that each gets alone.
  for (const [at, one] of [a, b, c].entries()) expect((await beat(one)).body).toEqual(answers[at]?.body)
})

test('a token of another workspace and a token that does not exist are refused, and the others are stored', async () => {
  const [a, b, m] = await agents('a', 'b', 'm')
  const answers = await beatTogether([[a], [{ id: m.id, token: a.token }, { active_tasks: 9 }], [b]])
  expect(statusesOf(answers)).toEqual([200, 401, 200])
  expect(await statements()).toEqual([['a', 'b'], ['first']])
  expect(await read(m)).toMatchObject({ active_tasks: 0, last_heartbeat_at: null })
  const storeBeat = storeOf(async () => {})
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

test('a workspace that is removed meanwhile takes no heartbeat, and the others are stored', async () => {
  const [a, m, z] = await agents('a', 'm', 'z')
  const answers = await beatTogether([[a], [m, { active_tasks: 9 }], [z]], async () =>
    expect((await h.request(`/workspaces/${m.id}`, { method: 'DELETE' })).status).toBe(200),
  )
  expect(statusesOf(answers)).toEqual([200, 401, 200])
  expect(await statements()).toEqual([['a', 'z'], ['first']])
})

test('heartbeats of one workspace are stored in their order, beside others', async () => {
  const [a, b] = await agents('a', 'b')
  const answers = await beatTogether([
    [a, { active_tasks: 3, current_task: 'first' }],
    [b],
    [a, { active_tasks: 2, current_task: 'second' }],
    [a, { active_tasks: 0, current_task: 'last' }],
  ])
  expect(statusesOf(answers)).toEqual([200, 200, 200, 200])
  expect(await read(a)).toMatchObject({ active_tasks: 0, current_task: 'last' })
  // The first one counts: it was at work until the last one came.
  const { rows } = await client.query(
    'select last_active_at is not null as "wasActive" from workspaces where id = $1',
    [a.id],
  )
  expect(rows).toEqual([{ wasActive: true }])
})

test('a heartbeat that reports trouble has its event, and the others of its statement have none', async () => {
  const [a, b, m] = await agents('a', 'b', 'm')
  const answers = await beatTogether([[a, { error_rate: 0.1 }], [m, { error_rate: 0.75 }], [b]])
  expect(statusesOf(answers)).toEqual([200, 200, 200])
  expect(await read(m)).toMatchObject({ status: 'degraded', reason: { code: 'high_error_rate' } })
  const { rows } = await client.query('select workspace_id, type, payload from events')
  expect(rows).toMatchObject([{ workspace_id: m.id, payload: { status: 'degraded', error_rate: 0.75 } }])
})

test('a heartbeat that Postgres refuses is answered 500, and the others are stored', async () => {
  const [a, m, z] = await agents('a', 'm', 'z')
  await client.query(`alter table workspaces add constraint test_only check (current_task <> 'refused')`)
  const answers = await beatTogether([[a], [m, { current_task: 'refused' }], [z, { active_tasks: 1 }], [m]])
  expect(statusesOf(answers)).toEqual([200, 500, 200, 200])
  expect(await read(z)).toMatchObject({ active_tasks: 1 })
  expect(await read(m)).toMatchObject({ current_task: '', last_heartbeat_at: expect.any(String) })
})

test('a token that is revoked meanwhile is refused, and the others are stored', async () => {
  const [a, m, z] = await agents('a', 'm', 'z')
  const answers = await beatTogether([[a], [m, { active_tasks: 9 }], [z]], () =>
    h.db.execute(sql`update workspace_tokens set revoked_at = now() where workspace_id = ${m.id}`),
  )
  expect(statusesOf(answers)).toEqual([200, 401, 200])
  expect(await read(m)).toMatchObject({ active_tasks: 0, last_heartbeat_at: null })
})

test('the first use of a new token revokes those of older generations, beside others', async () => {
  const [a, m] = await agents('a', 'm')
  await client.query('update workspaces set generation = 2 where id = $1', [m.id])
  const renewed = { id: m.id, token: await tokenFor(m.id, 2) }
  const requested = { id: a.id, token: await tokenFor(a.id, null) }
  expect(statusesOf(await beatTogether([[a], [m, { active_tasks: 7 }]]))).toEqual([200, 200])
  // What the program of the older generation reports is ignored.
  expect(await read(m)).toMatchObject({ active_tasks: 0 })
  const answers = await beatTogether([[requested], [renewed, { active_tasks: 2 }]])
  expect(statusesOf(answers)).toEqual([200, 200])
  expect(await read(m)).toMatchObject({ active_tasks: 2 })
  expect((await beat(m)).status).toBe(401)
  expect(statusesOf([await beat(a), await beat(renewed), await beat(requested)])).toEqual([200, 200, 200])
})

test('a heartbeat whose workspace is locked delays none of its statement', async () => {
  const [a, b, m] = await agents('a', 'b', 'm')
  const other = new Client({ connectionString: url })
  await other.connect()
  try {
    await other.query('begin')
    await other.query('select from workspaces where id = $1 for update', [m.id])
    const first = await agent('first')
    const release = await lock(first)
    const earlier = beat(first)
    await untilWaiting(1)
    const locked = beat(m, { active_tasks: 1 })
    const others = [beat(a), beat(b)]
    await untilBegun(4)
    await release()
    expect(statusesOf(await Promise.all([earlier, ...others]))).toEqual([200, 200, 200])
    await untilWaiting(1)
    await other.query('rollback')
    expect((await locked).status).toBe(200)
    expect(await statements()).toEqual([['a', 'b'], ['first'], ['m']])
  } finally {
    await other.end()
  }
})

test('heartbeats do not wait for long for one whose workspace is locked', async () => {
  useStoreOf(async () => {})
  const [a, b, m] = await agents('a', 'b', 'm')
  const release = await lock(m)
  const locked = beat(m)
  await untilWaiting(1)
  expect(statusesOf(await Promise.all([beat(a), beat(b)]))).toEqual([200, 200])
  expect(await waiting()).toHaveLength(1)
  await release()
  expect((await locked).status).toBe(200)
})

test('heartbeats whose connection breaks are answered 503, and the next ones are stored', async () => {
  const [a, b] = await agents('a', 'b')
  const first = await agent('first')
  await client.query('begin')
  await client.query('lock table workspaces in share mode')
  const earlier = beat(first)
  await untilWaiting(1)
  const others = [beat(a), beat(b), beat(a)]
  await untilBegun(4)
  const end = async () => {
    for (const pid of await waiting()) await client.query('select pg_terminate_backend($1)', [pid])
  }
  const broken = await waiting()
  await end()
  expect((await earlier).status).toBe(503)
  await vi.waitFor(async () => expect(await waiting()).not.toEqual(broken), { timeout: 60_000 })
  await untilWaiting(1)
  await end()
  expect(statusesOf(await Promise.all(others))).toEqual([503, 503, 503])
  await client.query('rollback')
  expect(await statements()).toEqual([])
  expect(statusesOf(await Promise.all([beat(a), beat(b)]))).toEqual([200, 200])
})

test('processes that store the same heartbeats in other orders meet no deadlock', async () => {
  const all = await agents(...Array.from({ length: 40 }, (_, at) => `n${at}`))
  const beats = all.map(({ id, token }, at) => ({
    id,
    hash: hashOf(token),
    errorRate: null,
    sampleError: null,
    activeTasks: at,
    currentTask: null,
    uptimeSeconds: null,
  }))
  const processes = [1, 2, 3].map(() => storeOf(async () => {}))
  for (let round = 0; round < 20; round++) {
    const stored = await Promise.all(
      processes.flatMap((storeBeat, at) =>
        beats
          .toSorted((x, y) => hashOf(`${x.id}${at}${round}`).localeCompare(hashOf(`${y.id}${at}${round}`)))
          .map(storeBeat),
      ),
    )
    expect(stored.every((one) => one?.row !== undefined)).toBe(true)
  }
  const { rows } = await client.query(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  )
  expect(rows).toEqual([{ deadlocks: 0 }])
})
