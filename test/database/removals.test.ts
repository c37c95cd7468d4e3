// What is stored for a workspace in the moment in which it is removed.
import { type SQL, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHarness, type Harness } from '../support/harness.ts'

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
