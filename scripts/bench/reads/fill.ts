// Databases of bench:reads: the same rare and common values, whatever the number of workspaces and events.
import { sql } from 'drizzle-orm'
import type { Database } from '../../../drizzle/database.ts'

export const PAGE = 20

export const PARENT = '00000000-0000-4000-8000-000000000001'
export const COMMON_PARENT = '00000000-0000-4000-8000-000000000002'

export type Size = { workspaces: number; events: number }

export async function fill(db: Database, { events, workspaces }: Size): Promise<void> {
  await fillWorkspaces(db, workspaces)
  await fillEvents(db, events)
  await db.execute(sql`vacuum analyze workspaces, events`)
}

/** The common ones are every fourth, the rare ones the last 20. */
async function fillWorkspaces(db: Database, count: number): Promise<void> {
  const rare = sql`n > ${count - PAGE}`
  const common = sql`n % 4 = 0`
  const value = (one: string, other: string, rest: string) =>
    sql`case when ${rare} then ${one} when ${common} then ${other} else ${rest} end`
  for (const id of [PARENT, COMMON_PARENT]) {
    await db.execute(sql`
      insert into workspaces (id, name, runtime, tier, regions, labels, status, status_changed_at, created_at, updated_at)
      values (${id}, 'parent', 'langgraph', 3, '["ord"]', '{}', 'ready', now(), '2025-01-01', now())`)
  }
  await db.execute(sql`
    insert into workspaces (id, name, runtime, tier, regions, labels, parent_id, status, status_changed_at, created_at, updated_at)
    select gen_random_uuid(), case when n = 7 then 'workspace-7' else ${value('rare-', 'common-', 'workspace-')} || n end,
           ${value('hermes', 'crewai', 'langgraph')}, (${value('4', '2', '3')})::int,
           jsonb_build_array(${value('ams', 'fra', 'ord')}),
           jsonb_build_object('team', ${value('rare', 'common', 'other')}, 'number', n::text),
           (case when ${rare} then ${PARENT} when ${common} then ${COMMON_PARENT} end)::uuid,
           (${value('paused', 'failed', 'ready')})::workspace_status, now(),
           case when ${rare} then timestamptz '2026-02-01' else timestamptz '2025-06-01' end + make_interval(secs => n), now()
    from generate_series(1, ${count}::int) n`)
}

/** Every second one is of the common parent, the others are of all workspaces; 3 % have a rare type. The last tenth are audits. */
async function fillEvents(db: Database, count: number): Promise<void> {
  await db.execute(sql`
    insert into events (workspace_id, type, generation, payload, at)
    select case when n % 2 = 0 then ${COMMON_PARENT}::uuid else ids[1 + n % array_length(ids, 1)] end,
           case when n > ${count - count / 10}::int then 'audit' when n % 1000 between 1 and 30 then 'machine_lost' else 'machine_started' end,
           case when n <= ${count - count / 10}::int then 1 end,
           case when n > ${count - count / 10}::int
             then jsonb_build_object('caller', 'admin', 'route', 'GET /workspaces', 'status', 200, 'address', '127.0.0.1',
               'request_id', n::text, 'user_agent', null, 'outcome', case when n % 4 = 0 then 'refused' else 'ok' end)
             else jsonb_build_object('status', 'ready', 'machine_id', n::text) end,
           timestamptz '2026-01-01' + make_interval(secs => n)
    from generate_series(1, ${count}::int) n, (select array_agg(id) as ids from workspaces) as all_ids`)
}
