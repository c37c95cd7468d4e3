// Creates of one caller that come at the same time share a statement. Each gets the answer that it would get alone.
import { sql } from 'drizzle-orm'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
let client: Client
const calls: string[] = []

async function start(env: Record<string, string> = {}): Promise<void> {
  h = await createHarness({ env })
  const url = new URL(inject('postgresUrl'))
  const [database] = await h.db.select({ name: sql<string>`name` }).from(sql`current_database() as name`)
  url.pathname = `/${database?.name}`
  client = new Client({ connectionString: url.href })
  await client.connect()
  calls.length = 0
  const { insertWorkspace } = h.services
  h.services.insertWorkspace = (workspace) => {
    calls.push(workspace.row.name)
    return insertWorkspace(workspace)
  }
}
beforeEach(() => start({ SECRETS_ENCRYPTION_KEY: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' }))
afterEach(async () => {
  await client.end()
  await h.close()
})

type Create = Json & { key?: string; token?: string }

const create = ({ key, token, ...json }: Create) =>
  h.request<Json & { id: string }>('/workspaces', {
    method: 'POST',
    json: { runtime: 'external', ...json },
    headers: {
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
  })

/** Statements of this test that wait for a lock. */
async function waiting(): Promise<number[]> {
  const isWaiting = sql`datname = current_database() and wait_event_type = 'Lock'`
  const rows = await h.db
    .select({ pid: sql<number>`pid` })
    .from(sql`pg_stat_activity`)
    .where(isWaiting)
  return rows.map(({ pid }) => pid)
}

/** Keeps the quota of the administrator locked, so that its creates wait. @returns lets them go on */
async function hold(): Promise<() => Promise<unknown>> {
  await client.query('begin')
  await client.query(
    `insert into rate_limits (key, next_at) values ('create admin', 'epoch')
     on conflict (key) do update set next_at = rate_limits.next_at`,
  )
  return () => client.query('rollback')
}

/** Sends creates while the statement of an earlier one is under way. @returns their answers */
async function createTogether(...creates: Create[]) {
  const release = await hold()
  const first = create({ name: 'first' })
  await vi.waitFor(async () => expect(await waiting()).toHaveLength(1), { timeout: 60_000 })
  const others = creates.map(create)
  await vi.waitFor(() => expect(calls).toHaveLength(1 + creates.length), { timeout: 60_000 })
  await release()
  expect((await first).status).toBe(201)
  return Promise.all(others)
}

/** The names of the stored workspaces, together if one statement has stored them. */
async function statements(): Promise<string[][]> {
  const { rows } = await client.query<{ names: string[] }>(
    `select array_agg(payload ->> 'name' order by payload ->> 'name') as names from events
     where type = 'workspace_created' group by xmin::text order by min(payload ->> 'name')`,
  )
  return rows.map(({ names }) => names)
}

const statusesOf = (answers: { status: number }[]) => answers.map(({ status }) => status)

const stored = () => client.query('select from workspaces').then(({ rowCount }) => rowCount)

test('creates that come while one is under way share a statement, and each has its event', async () => {
  const creates = [
    { name: 'a' },
    { name: 'b', role: 'reads', labels: { team: 'red' } },
    { name: 'c', slug: 'c-1' },
  ]
  const answers = await createTogether(...creates)
  expect(statusesOf(answers)).toEqual([201, 201, 201])
  expect(answers.map(({ body }) => body)).toMatchObject(creates)
  expect(await statements()).toEqual([['a', 'b', 'c'], ['first']])
  for (const { body } of answers) {
    const { body: shown } = await h.request(`/workspaces/${body.id}`)
    expect(shown).toEqual(body)
    const { body: page } = await h.request(`/workspaces/${body.id}/events`)
    const { labels, name, slug } = body
    const payload = {
      by: 'admin',
      labels,
      name,
      runtime: 'external',
      slug,
      status: 'provisioning',
      tier: null,
    }
    expect(page).toMatchObject({ events: [{ type: 'workspace_created', payload }] })
  }
})

test('secrets, files and disks of creates that share a statement belong to their own workspaces', async () => {
  const agent = { runtime: 'hermes' }
  const creates = [
    { ...agent, name: 'a', files: { 'own.txt': 'of a', 'a.txt': '1' }, secrets: { TOKEN: 'x', OF_A: 'y' } },
    { name: 'external' },
    { ...agent, name: 'b', files: { 'own.txt': 'of b' }, disk_gb: 3, secrets: { TOKEN: 'z' } },
    { ...agent, name: 'c', disk_gb: 0 },
  ]
  const answers = await createTogether(...creates)
  expect(statusesOf(answers)).toEqual([201, 201, 201, 201])
  expect(await statements()).toEqual([['a', 'b', 'c', 'external'], ['first']])
  const { rows: parts } = await client.query(
    `select name, disks.size_gb as disk,
       (select json_object_agg(path, convert_from(decode(base64, 'base64'), 'utf8') order by path)
        from workspace_files where workspace_id = workspaces.id) as files,
       (select array_agg(key order by key) from secrets where workspace_id = workspaces.id) as secrets
     from workspaces left join disks on disks.id = disk_id and disks.workspace_id = workspaces.id
     where name <> 'first' order by name`,
  )
  expect(parts).toEqual([
    { name: 'a', disk: 1, files: { 'a.txt': '1', 'own.txt': 'of a' }, secrets: ['OF_A', 'TOKEN'] },
    { name: 'b', disk: 3, files: { 'own.txt': 'of b' }, secrets: ['TOKEN'] },
    { name: 'c', disk: null, files: null, secrets: null },
    { name: 'external', disk: null, files: null, secrets: null },
  ])
  await h.untilIdle()
  const { body } = await h.request<Json[]>(`/workspaces/${answers[2]?.body.id}/secrets`)
  expect(body.map(({ key }) => key)).toEqual(['TOKEN'])
})

describe('a create that cannot be stored, among others', () => {
  /** Creates beside `a` and `z`, which are stored in any case, and the statuses of their answers in any order. */
  const REFUSED: Record<string, { creates: Create[]; statuses: number[]; before?: () => Promise<unknown> }> =
    {
      'a slug that is taken': {
        before: () => create({ name: 'owner', slug: 'taken' }),
        creates: [{ name: 'm', slug: 'taken' }],
        statuses: [409],
      },
      'a slug that another of them takes': {
        creates: [
          { name: 'm', slug: 'wanted' },
          { name: 'n', slug: 'wanted' },
        ],
        statuses: [201, 409],
      },
      'a value that Postgres refuses': {
        before: () => client.query(`alter table workspaces add constraint test_only check (name <> 'm')`),
        creates: [{ name: 'm' }],
        statuses: [500],
      },
      'an idempotency key that is used for another body': {
        creates: [
          { name: 'm', key: 'k' },
          { name: 'n', key: 'k' },
        ],
        statuses: [201, 422],
      },
    }

  test.each(Object.entries(REFUSED))(
    'a create with %s is refused, and the others are stored',
    async (_, { before, creates, statuses }) => {
      await before?.()
      const earlier = Number(await stored())
      calls.length = 0
      const [a, z, ...others] = await createTogether({ name: 'a' }, { name: 'z' }, ...creates)
      await client.query('alter table workspaces drop constraint if exists test_only')
      expect([a?.status, z?.status]).toEqual([201, 201])
      expect(statusesOf(others).toSorted((a, b) => a - b)).toEqual(statuses)
      const created = statuses.filter((status) => status === 201).length
      expect(await stored()).toBe(earlier + 3 + created)
    },
  )

  test('a create whose parent is removed meanwhile is refused, and the others are stored', async () => {
    const { body: parent } = await create({ name: 'parent' })
    const { body: other } = await create({ name: 'other' })
    calls.length = 0
    const release = await hold()
    const first = create({ name: 'first' })
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(1), { timeout: 60_000 })
    const others = [
      create({ name: 'a' }),
      create({ name: 'orphan', parent_id: parent.id }),
      create({ name: 'child', parent_id: other.id }),
    ]
    await vi.waitFor(() => expect(calls).toHaveLength(4), { timeout: 60_000 })
    expect((await h.request(`/workspaces/${parent.id}`, { method: 'DELETE' })).status).toBe(200)
    await release()
    expect(statusesOf(await Promise.all([first, ...others]))).toEqual([201, 201, 400, 201])
    expect(await statements()).toEqual([['a', 'child'], ['first'], ['other'], ['parent']])
  })
})

test('the same create with one idempotency key at the same time is stored once, beside others', async () => {
  const once = { name: 'once', key: 'k', slug: 'only-one' }
  const answers = await createTogether({ name: 'a' }, once, once, { name: 'b' }, once)
  expect(statusesOf(answers)).toEqual([201, 201, 201, 201, 201])
  expect(new Set([1, 2, 4].map((at) => answers[at]?.body.id)).size).toBe(1)
  expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(2)
  // The key decides before the slug does.
  expect(await statements()).toEqual([['a', 'b', 'once'], ['first']])
})

test('creates beyond the quota are refused, and as many as it allows are stored', async () => {
  await client.end()
  await h.close()
  await start({ CREATE_RATE_PER_HOUR: '4' })
  const creates = Array.from({ length: 6 }, (_, at) => ({ name: `n${at}` }))
  const answers = await createTogether(...creates)
  expect(statusesOf(answers).toSorted((a, b) => a - b)).toEqual([201, 201, 201, 429, 429, 429])
  expect(answers.find(({ status }) => status === 429)?.headers.get('retry-after')).toBe('900')
  expect(await stored()).toBe(4)
})

test('creates without a quota share statements too', async () => {
  await client.end()
  await h.close()
  await start({ CREATE_RATE_PER_HOUR: '0' })
  await client.query('begin')
  await client.query('lock table workspaces in share mode')
  const first = create({ name: 'first' })
  await vi.waitFor(async () => expect(await waiting()).toHaveLength(1), { timeout: 60_000 })
  const others = [create({ name: 'a' }), create({ name: 'b' })]
  await vi.waitFor(() => expect(calls).toHaveLength(3), { timeout: 60_000 })
  await client.query('rollback')
  expect(statusesOf(await Promise.all([first, ...others]))).toEqual([201, 201, 201])
  expect(await statements()).toEqual([['a', 'b'], ['first']])
})

test('creates that are large do not share a statement', async () => {
  const files = { large: 'x'.repeat(200_000) }
  const creates = ['a', 'b', 'c'].map((name) => ({ name, runtime: 'hermes', files }))
  const answers = await createTogether(...creates, { name: 'small' }, { name: 'smaller' })
  expect(statusesOf(answers)).toEqual([201, 201, 201, 201, 201])
  const all = await statements()
  expect(all.length).toBeLessThan(6)
  expect(all.filter((names) => names.filter((name) => name.length === 1).length > 1)).toEqual([])
})

test('creates of many requests at once need few statements', async () => {
  const answers = await createTogether(...Array.from({ length: 120 }, (_, at) => ({ name: `n${100 + at}` })))
  expect(new Set(statusesOf(answers))).toEqual(new Set([201]))
  expect((await statements()).map((names) => names.length).toSorted((a, b) => a - b)).toEqual([1, 20, 50, 50])
})

test('a create does not wait for those of another caller', async () => {
  const { body } = await h.request('/tokens', { method: 'POST', json: { name: 'other', scopes: ['admin'] } })
  const release = await hold()
  const [first, second] = [create({ name: 'first' }), create({ name: 'second' })]
  await vi.waitFor(() => expect(calls).toHaveLength(2), { timeout: 60_000 })
  expect((await create({ name: 'other', token: String(body['token']) })).status).toBe(201)
  expect(await statements()).toEqual([['other']])
  await release()
  expect(statusesOf(await Promise.all([first, second]))).toEqual([201, 201])
})

test('creates whose connection breaks are answered 503 and not stored, and the next ones are stored', async () => {
  const release = await hold()
  const first = create({ name: 'first' })
  await vi.waitFor(async () => expect(await waiting()).toHaveLength(1), { timeout: 60_000 })
  const broken = await waiting()
  const others = ['a', 'b', 'c'].map((name) => create({ name }))
  await vi.waitFor(() => expect(calls).toHaveLength(4), { timeout: 60_000 })
  const end = (pids: number[]) =>
    h.db.execute(sql`select pg_terminate_backend(pid) from unnest(${`{${pids.join()}}`}::int[]) as pid`)
  await end(broken)
  expect((await first).status).toBe(503)
  // The others now share a statement, which waits in its turn.
  await vi.waitFor(async () => expect(await waiting()).not.toEqual(broken), { timeout: 60_000 })
  await vi.waitFor(async () => expect(await waiting()).toHaveLength(1), { timeout: 60_000 })
  await end(await waiting())
  expect(statusesOf(await Promise.all(others))).toEqual([503, 503, 503])
  await release()
  expect(await stored()).toBe(0)
  expect((await create({ name: 'next' })).status).toBe(201)
  expect(await statements()).toEqual([['next']])
})
