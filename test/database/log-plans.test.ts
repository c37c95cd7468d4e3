// Every filter of the event log and of the audit has an index: with 20,000 rows no plan reads the whole table.
import { type SQLWrapper, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OpenDatabase } from '../../drizzle/database.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { type AuditQuery, auditStatement } from '../../lib/audit/audit.ts'
import { type EventsFilter, filterValues } from '../../lib/events/events-filter.ts'
import { newestStatement, pageStatement } from '../../lib/events/read-events.ts'
import { bootsStatement } from '../../lib/inside/workspace-log.ts'
import { recentStatement } from '../../lib/workspaces/explain-reads.ts'
import { bound } from '../support/bound-values.ts'
import { createPostgresDatabase } from '../support/database.ts'

const ROWS = 20_000
const RARE = '5f1a3c52-9d1b-4a8e-8f62-2f0b7c1d4e5f'

let database: OpenDatabase
beforeAll(async () => {
  database = connectPostgres(await createPostgresDatabase())
  // Rare values, so that an index is worth it; every second row is of the audit.
  await database.db.execute(sql`
    insert into events (workspace_id, type, generation, payload, at)
    select case when n % 1000 < 2 then ${RARE}::uuid else gen_random_uuid() end,
           case when n % 2 = 0 then 'audit' when n % 1000 = 1 then 'gave_up' else 'workspace_updated' end, 1,
           jsonb_build_object('caller', case when n % 1000 = 0 then 'token:rare' else 'admin' end,
                              'route', case when n % 1000 = 0 then 'POST /rare' else 'POST /workspaces' end,
                              'outcome', case when n % 1000 = 0 then 'failed' else 'ok' end),
           now() - make_interval(secs => ${ROWS} - n)
    from generate_series(1, ${ROWS}) n`)
  await database.db.execute(sql`vacuum analyze events`)
})
afterAll(() => database.close())

async function planOf(statement: SQLWrapper) {
  const result: unknown = await database.db.execute(sql`explain ${statement}`)
  const { rows } = result as { rows: Record<string, string>[] }
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

const recent = () => new Date(Date.now() - 60_000)
const long = () => new Date(Date.now() - (ROWS - 60) * 1_000)

describe('the event log', () => {
  test.each<[string, () => EventsFilter]>([
    ['none', () => ({})],
    ['workspace', () => ({ workspaceId: RARE })],
    ['workspaces', () => ({ among: [RARE] })],
    ['type', () => ({ types: ['gave_up'] })],
    ['begin', () => ({ since: recent() })],
    ['end', () => ({ until: long() })],
  ])('a page and the newest events use an index with the filter %s', async (_name, filter) => {
    const values = { ...filterValues(filter()), after: 0, visible: ROWS, limit: 100 }
    expect(await planOf(pageStatement(database.db, bound(values)))).not.toContain('Seq Scan')
    expect(await planOf(newestStatement(database.db, bound(values)))).not.toContain('Seq Scan')
  })
})

test('audits are not looked at for events, however many there are', async () => {
  for (const filter of [{}, { workspaceId: RARE }]) {
    const values = { ...filterValues(filter), after: 0, visible: ROWS, limit: 100 }
    expect(await planOf(newestStatement(database.db, bound(values)))).toMatch(/events_(workspace_)?shown/)
  }
})

test('the changes of a workspace are found among thousands of its messages, by an index', async () => {
  const { db } = database
  await db.execute(sql`
    insert into events (workspace_id, type, payload, at)
    select ${RARE}, 'message_accepted', '{}', now() from generate_series(1, ${ROWS})`)
  await db.execute(sql`
    insert into events (workspace_id, type, generation, payload, at)
    select gen_random_uuid(), 'machine_created', 1, '{}', now() from generate_series(1, 2000)`)
  await db.execute(sql`vacuum analyze events`)
  expect(await planOf(recentStatement(db, RARE))).toContain('events_workspace_changes')
  expect(await planOf(bootsStatement(db, RARE))).toContain('events_workspace_changes')
  const values = { ...filterValues({ workspaceId: RARE }), after: 0, visible: 3 * ROWS, limit: 100 }
  expect(await planOf(newestStatement(db, bound(values)))).toContain('events_workspace_shown')
})

describe('the audit', () => {
  test.each<[string, () => Partial<AuditQuery>, string]>([
    ['workspace', () => ({ workspaceId: RARE }), 'events_audit_workspace'],
    ['caller', () => ({ caller: 'token:rare' }), 'events_audit_caller'],
    ['route', () => ({ route: 'POST /rare' }), 'events_audit_route'],
    ['outcome', () => ({ outcome: 'failed' }), 'events_audit_outcome'],
    ['begin', () => ({ since: recent() }), 'events_'],
    ['end', () => ({ until: long() }), 'events_'],
  ])('the filter by %s uses its index', async (_name, filter, index) => {
    const range = { after: 0, upTo: Number.MAX_SAFE_INTEGER }
    const plan = await planOf(auditStatement(database.db, { ...filter(), limit: 100 }, range))
    expect(plan).toContain(index)
    expect(plan).not.toContain('Seq Scan')
  })
})
