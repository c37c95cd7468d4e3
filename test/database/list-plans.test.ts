// Every filter of the list of workspaces has an index, and what sweeps and metrics read does: with 10,000 workspaces no plan reads
// the whole table.
import { type SQLWrapper, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { OpenDatabase } from '../../drizzle/database.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { parseConfig } from '../../lib/config/config.ts'
import {
  listStatement,
  listWorkspaces,
  WORKSPACE_ORDERS,
  type WorkspaceFilter,
  type WorkspaceOrder,
} from '../../lib/lifecycle/list-workspaces.ts'
import { stockStatement } from '../../lib/control-plane/readiness.ts'
import { idleStatement } from '../../lib/workspaces/hibernate.ts'
import { bound } from '../support/bound-values.ts'
import { createPostgresDatabase } from '../support/database.ts'

let database: OpenDatabase
beforeAll(async () => {
  database = connectPostgres(await createPostgresDatabase())
  // Rare values, so that an index is worth it: one workspace in a hundred has each of them.
  await database.db.execute(sql`
    insert into workspaces (id, name, runtime, tier, regions, labels, status, idle_minutes, agent_card, status_changed_at, created_at,
                            updated_at)
    select gen_random_uuid(), 'workspace-' || n, case when n % 100 = 0 then 'hermes' else 'langgraph' end,
           case when n % 100 = 0 then 4 else 3 end,
           case when n % 100 = 0 then '["ams"]'::jsonb else '["ord"]'::jsonb end,
           case when n % 100 = 0 then '{"team":"red"}'::jsonb else '{}'::jsonb end,
           case when n % 100 = 0 then 'paused'::workspace_status else 'ready'::workspace_status end,
           case when n % 100 < 2 then 5 end, jsonb_build_object('description', repeat('a card of a usual size ', 40)),
           now(), now() + make_interval(secs => n), now()
    from generate_series(1, 10000) n`)
  // This Postgres commits asynchronously, and a vacuum marks pages as visible only when their commit is in the log.
  await database.db.execute(sql`checkpoint`)
  // Nor are they visible for all while a transaction of another test is older.
  await vi.waitFor(async () => expect(await vacuumed()).toBe(true), { timeout: 60_000, interval: 200 })
})
afterAll(() => database.close())

/** @returns whether all pages are marked as visible, so that an index is enough to count rows */
async function vacuumed(): Promise<boolean> {
  await database.db.execute(sql`vacuum analyze workspaces`)
  const result: unknown = await database.db.execute(
    sql`select relallvisible >= relpages as visible from pg_class where oid = 'workspaces'::regclass`,
  )
  return (result as { rows: { visible: boolean }[] }).rows[0]?.visible === true
}

const planOfList = (
  filter: WorkspaceFilter,
  order: WorkspaceOrder = 'created_at',
  after?: { value: string; id: string },
) => planOf(listStatement(database.db, filter, { limit: 100, order, after }))

async function planOf(statement: SQLWrapper, db = database.db) {
  const result: unknown = await db.execute(sql`explain ${statement}`)
  const { rows } = result as { rows: Record<string, string>[] }
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

test.each<[string, WorkspaceFilter]>([
  ['status', { status: ['paused'] }],
  ['runtime', { runtime: 'hermes' }],
  ['tier', { tier: 4 }],
  ['region', { region: 'ams' }],
  ['parent', { parentId: crypto.randomUUID() }],
  ['name', { name: 'workspace-77' }],
  ['name prefix', { namePrefix: 'workspace-777' }],
  ['label', { labels: { team: 'red' } }],
  ['creation time', { createdAfter: new Date(Date.now() + 9_990_000) }],
])('the filter by %s uses an index', async (_name, filter) => {
  expect(await planOfList(filter)).not.toContain('Seq Scan on workspaces')
})

test.each(WORKSPACE_ORDERS)(
  'a late page in the order %s begins at its position in an index',
  async (order) => {
    const value = order.endsWith('name') ? 'workspace-9' : new Date(Date.now() + 9_000_000).toISOString()
    const plan = await planOfList({}, order, { value, id: crypto.randomUUID() })
    expect(plan).toMatch(/Index Cond: \(ROW\(/)
    expect(plan).not.toContain('Sort')
  },
)

test('the sweep finds idle workspaces in an index', async () => {
  const plan = await planOf(idleStatement({ db: database.db, config: parseConfig({}) }, new Date(), 50))
  expect(plan).toContain('workspaces_idle')
  expect(plan).not.toContain('Seq Scan on workspaces')
})

test('the metrics count workspaces in indexes', async () => {
  const plan = await planOf(stockStatement(database.db, bound({ now: new Date() })))
  expect(plan).not.toContain('Seq Scan on workspaces')
})

test('names have the same order in a database of another locale, and their beginnings are found in the index', async () => {
  const { close, db } = connectPostgres(await createPostgresDatabase())
  try {
    await db.execute(sql`alter table workspaces alter column name type text collate "und-x-icu"`)
    await db.execute(sql`
      insert into workspaces (id, name, runtime, tier, regions, status, status_changed_at, created_at, updated_at)
      select gen_random_uuid(), name, 'hermes', 2, '["ord"]', 'ready', now(), now(), now()
      from (select unnest('{b,A,a,B}'::text[]) union all select 'worker-' || n from generate_series(1, 10000) n) as names(name)`)
    await db.execute(sql`analyze workspaces`)
    const page = (filter: WorkspaceFilter, limit: number, after?: { value: string; id: string }) =>
      listWorkspaces(db, filter, { limit, order: 'name', after })
    const first = await page({}, 2)
    expect(first.rows.map(({ name }) => name)).toEqual(['A', 'B'])
    const second = await page({}, 2, first.next)
    expect(second.rows.map(({ name }) => name)).toEqual(['a', 'b'])
    const plan = await planOf(
      listStatement(db, { namePrefix: 'worker-777' }, { limit: 100, order: 'created_at' }),
      db,
    )
    expect(plan).toContain('workspaces_name')
  } finally {
    await close()
  }
})
