// What is stored for a workspace in the moment in which it is removed.
import { type SQL, sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness({ env: { SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64') } })
})
afterAll(() => h.close())

const count = async (query: SQL) => ((await h.db.execute(query)) as { rows: { n: number }[] }).rows[0]?.n

const TABLES = ['secrets', 'hooks', 'schedules', 'holds', 'workspace_tokens']

test('what is stored for a workspace while it is removed does not stay', async () => {
  const { id } = await h.createWorkspace()
  // Each insert has read the workspace, and is carried out after the removal.
  await h.db.execute(
    sql.raw(`create function late() returns trigger language plpgsql as $$ begin
      perform pg_sleep(2); return new; end $$`),
  )
  for (const table of TABLES)
    await h.db.execute(
      sql.raw(`create trigger late before insert on ${table} for each row execute function late()`),
    )
  const store = (path: string, method: string, json: unknown) =>
    h.request(`/workspaces/${id}/${path}`, { method, json })
  const stored = Promise.all([
    store('secrets', 'POST', { key: 'KEY', value: 'x' }),
    store('hooks', 'POST', { name: 'hook', scheme: 'github' }),
    store('schedules', 'POST', { name: 'daily', cron: '0 9 * * *', message: 'Hello.' }),
    store('holds', 'POST', { for_seconds: 86_000, reason: 'a build' }),
    store('tokens', 'POST', {}),
  ])
  const isInserting = sql`select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`
  await expect.poll(() => count(isInserting)).toBe(TABLES.length)
  expect((await h.request(`/workspaces/${id}`, { method: 'DELETE' })).status).toBe(200)
  expect((await stored).map(({ status }) => status)).not.toContain(400)
  h.advance(10 * 60_000)
  await h.sweep()
  for (const table of TABLES) {
    const left = sql.raw(
      `select count(*)::int as n from ${table} where workspace_id = '${id}'${table === 'workspace_tokens' ? ' and revoked_at is null' : ''}`,
    )
    expect([table, await count(left)]).toEqual([table, 0])
  }
})

describe('a child that is stored while its parent is removed', () => {
  const isSleeping = sql`select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`

  /** Statements that do this to workspaces take two seconds while they have their locks. */
  async function slow(when: 'insert' | 'update', condition: string): Promise<void> {
    await h.db.execute(
      sql.raw(`create or replace function slow() returns trigger language plpgsql as $$ begin
        perform pg_sleep(2); return new; end $$`),
    )
    await h.db.execute(
      sql.raw(
        `create trigger slow before ${when} on workspaces for each row when (${condition}) execute function slow()`,
      ),
    )
  }
  afterEach(() => h.db.execute(sql`drop trigger slow on workspaces`))

  const external = (input: Json = {}) =>
    h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'one of a family', runtime: 'external', ...input },
    })
  const idOf = async (input: Json = {}) => (await external(input)).body.id
  const remove = (id: string) => h.request(`/workspaces/${id}?confirm=true`, { method: 'DELETE' })
  const livingChildren = async (id: string) =>
    (await h.request<{ id: string }[]>(`/workspaces?parent_id=${id}`)).body.map((child) => child.id)

  test('a child that is being stored when the removal begins is removed with its parent', async () => {
    const parent = await idOf()
    await slow('insert', 'new.parent_id is not null')
    const child = external({ parent_id: parent })
    await expect.poll(() => count(isSleeping)).toBe(1)
    expect(await remove(parent)).toMatchObject({ status: 200, body: { cascade_deleted: 1 } })
    expect((await child).status).toBe(201)
    expect(await livingChildren(parent)).toEqual([])
  })

  test('a child that is created when the removal has begun is refused', async () => {
    const parent = await idOf()
    await slow('update', `new.status = 'removed'`)
    const removed = remove(parent)
    await expect.poll(() => count(isSleeping)).toBe(1)
    const refused = await external({ parent_id: parent })
    expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringContaining('parent_id') } })
    expect((await removed).status).toBe(200)
    expect(await livingChildren(parent)).toEqual([])
  })

  test('a workspace that is moved below the parent when the removal has begun stays where it is', async () => {
    const [parent, child] = [await idOf(), await idOf()]
    await slow('update', `new.status = 'removed'`)
    const removed = remove(parent)
    await expect.poll(() => count(isSleeping)).toBe(1)
    const refused = await h.request(`/workspaces/${child}`, { method: 'PATCH', json: { parent_id: parent } })
    expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringContaining('parent_id') } })
    expect((await removed).status).toBe(200)
    expect((await h.request(`/workspaces/${child}`)).body).toMatchObject({
      parent_id: null,
      status: 'provisioning',
    })
  })
})
