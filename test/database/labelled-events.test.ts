// Events of workspaces with a label, in a log in which others have written thousands of events since, and the plans that find them.
import { type SQLWrapper, sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OpenDatabase } from '../../drizzle/database.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { type EventsFilter, filterValues } from '../../lib/events/events-filter.ts'
import { eachStatement, walkStatement } from '../../lib/events/labelled-events.ts'
import { readEvents, readNewestEvents } from '../../lib/events/read-events.ts'
import { sleep } from '../../lib/platform/sleep.ts'
import { bound } from '../support/bound-values.ts'
import { createPostgresDatabase } from '../support/database.ts'

const ROWS = 20_000

let database: OpenDatabase
beforeAll(async () => {
  database = connectPostgres(await createPostgresDatabase())
  // Of 2,000 workspaces every fourth is common, every sixth of the others rests since the beginning, and one is rare.
  await database.db.execute(sql`
    insert into workspaces (id, name, runtime, tier, regions, labels, status, status_changed_at, created_at, updated_at)
    select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'workspace-' || n, 'langgraph', 3, '["ord"]',
           case when n = 1 then '{"team":"rare"}'::jsonb when n % 4 = 0 then '{"team":"common"}'::jsonb
                when n % 6 = 0 then '{"team":"resting"}'::jsonb else '{}'::jsonb end, 'ready', now(), now(), now()
    from generate_series(1, 2000) n`)
  await database.db.execute(sql`
    insert into events (workspace_id, type, generation, payload, at)
    select ('00000000-0000-4000-8000-' || lpad((case when n <= 4000 then 1 + n % 2000 else 4 * (1 + n % 500) end)::text, 12, '0'))::uuid,
           case when n % 100 = 1 then 'audit' when n % 10 = 0 then 'gave_up' else 'workspace_updated' end, 1, '{}', now()
    from generate_series(1, ${ROWS}) n`)
  await database.db.execute(sql`vacuum analyze workspaces, events`)
})
afterAll(() => database.close())

/** The numbers of the events, as one statement without any order of its own finds them. */
async function expected(team: string, type: string | undefined) {
  const result: unknown = await database.db.execute(sql`
    select seq::int from events join workspaces on id = workspace_id
    where labels ->> 'team' = ${team} and ${type === undefined ? sql`type <> 'audit'` : sql`type = ${type}`}
    order by seq`)
  return (result as { rows: { seq: number }[] }).rows.map(({ seq }) => seq)
}

const core = () => ({ db: database.db, sleep })
const seqs = ({ events }: { events: { seq: number }[] }) => events.map(({ seq }) => seq)

test.each([
  ['common', undefined],
  ['resting', undefined],
  ['rare', undefined],
  ['nobody', undefined],
  ['common', 'gave_up'],
  ['resting', 'gave_up'],
  ['rare', 'gave_up'],
] as const)('the oldest, the next and the newest events of the team %s, of type %s', async (team, type) => {
  const all = await expected(team, type)
  const filter: EventsFilter = { labels: { team }, types: type && [type] }
  const page = await readEvents(core(), { ...filter, after: 0, limit: 20 })
  expect(seqs(page)).toEqual(all.slice(0, 20))
  const next = await readEvents(core(), { ...filter, after: page.next, limit: 20 })
  expect(seqs(next)).toEqual(all.slice(20, 40))
  expect(seqs(await readNewestEvents(core(), filter, 20))).toEqual(all.slice(-20))
})

test('a caller who may see some workspaces gets no events of others with the label', async () => {
  const mine = '00000000-0000-4000-8000-000000000004'
  const { events } = await readNewestEvents(core(), { labels: { team: 'common' }, among: [mine] }, 20)
  expect(events.map(({ workspaceId }) => workspaceId)).toEqual(Array<string>(20).fill(mine))
})

async function planOf(statement: SQLWrapper) {
  const result: unknown = await database.db.execute(sql`explain ${statement}`)
  const { rows } = result as { rows: Record<string, string>[] }
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

test.each(['oldest', 'newest'] as const)(
  'no plan reads all events or all workspaces for the %s',
  async (end) => {
    const values = { ...filterValues({}), after: 0, visible: ROWS, limit: 20, lookedAt: 500 }
    const walk = await planOf(
      walkStatement(end)(database.db, bound({ ...values, labels: '{"team":"common"}' })),
    )
    expect(walk).toMatch(/events_(shown|pkey)/)
    expect(walk).toContain('workspaces_pkey')
    expect(walk).not.toMatch(/Seq Scan|Sort/)
    const each = await planOf(
      eachStatement(end)(database.db, bound({ ...values, labels: '{"team":"rare"}' })),
    )
    expect(each).toContain('events_workspace_shown')
    expect(each).not.toContain('Seq Scan')
  },
)
