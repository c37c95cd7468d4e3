// Heartbeats that share a statement, where rows are locked, connections break, and other processes store the same ones.
import { Client } from 'pg'
import { expect, test, vi } from 'vitest'
import { beatingAgents, hashOf, statusesOf } from '../support/beating-agents.ts'

const on = beatingAgents()

test('a heartbeat whose workspace is locked delays none of its statement', async () => {
  const [a, b, m] = await on.agents('a', 'b', 'm')
  const other = new Client({ connectionString: on.url })
  await other.connect()
  try {
    await other.query('begin')
    await other.query('select from workspaces where id = $1 for update', [m.id])
    const first = await on.agent('first')
    const release = await on.lock(first)
    const earlier = on.beat(first)
    await on.untilWaiting(1)
    const locked = on.beat(m, { active_tasks: 1 })
    const others = [on.beat(a), on.beat(b)]
    await on.untilBegun(4)
    await release()
    expect(statusesOf(await Promise.all([earlier, ...others]))).toEqual([200, 200, 200])
    await on.untilWaiting(1)
    await other.query('rollback')
    expect((await locked).status).toBe(200)
    expect(await on.statements()).toEqual([['a', 'b'], ['first'], ['m']])
  } finally {
    await other.end()
  }
})

test('heartbeats do not wait for long for one whose workspace is locked', async () => {
  on.useStoreOf(async () => {})
  const [a, b, m] = await on.agents('a', 'b', 'm')
  const release = await on.lock(m)
  const locked = on.beat(m)
  await on.untilWaiting(1)
  expect(statusesOf(await Promise.all([on.beat(a), on.beat(b)]))).toEqual([200, 200])
  expect(await on.waiting()).toHaveLength(1)
  await release()
  expect((await locked).status).toBe(200)
})

test('heartbeats of a workspace do not wait for those that name it with the token of another one', async () => {
  on.useStoreOf(async () => {})
  const [m, victim] = await on.agents('m', 'victim')
  await on.client.query('begin')
  await on.client.query('select from workspace_tokens where hash = $1 for update', [hashOf(m.token)])
  const hostile = on.beat({ id: victim.id, token: m.token })
  await on.untilWaiting(1)
  expect((await on.beat(victim)).status).toBe(200)
  expect(await on.waiting()).toHaveLength(1)
  await on.client.query('rollback')
  expect((await hostile).status).toBe(401)
})

test('heartbeats whose connection breaks are answered 503, and the next ones are stored', async () => {
  const [a, b] = await on.agents('a', 'b')
  const first = await on.agent('first')
  await on.client.query('begin')
  await on.client.query('lock table workspaces in share mode')
  const earlier = on.beat(first)
  await on.untilWaiting(1)
  const others = [on.beat(a), on.beat(b), on.beat(a)]
  await on.untilBegun(4)
  const end = async () => {
    for (const pid of await on.waiting()) await on.client.query('select pg_terminate_backend($1)', [pid])
  }
  const broken = await on.waiting()
  await end()
  expect((await earlier).status).toBe(503)
  await vi.waitFor(async () => expect(await on.waiting()).not.toEqual(broken), { timeout: 60_000 })
  await on.untilWaiting(1)
  await end()
  expect(statusesOf(await Promise.all(others))).toEqual([503, 503, 503])
  await on.client.query('rollback')
  expect(await on.statements()).toEqual([])
  expect(statusesOf(await Promise.all([on.beat(a), on.beat(b)]))).toEqual([200, 200])
})

test('processes that store the same heartbeats in other orders meet no deadlock', async () => {
  const all = await on.agents(...Array.from({ length: 40 }, (_, at) => `n${at}`))
  const beats = all.map(({ id, token }, at) => ({
    id,
    hash: hashOf(token),
    errorRate: null,
    sampleError: null,
    activeTasks: at,
    currentTask: null,
    uptimeSeconds: null,
  }))
  const processes = [1, 2, 3].map(() => on.storeOf(async () => {}))
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
  const { rows } = await on.client.query(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  )
  expect(rows).toEqual([{ deadlocks: 0 }])
})
