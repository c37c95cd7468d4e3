// `npm run bench:list`: what each filter of GET /workspaces costs with 10,000 workspaces beside 100, through the whole API and a
// real Postgres. Requests to both alternate, so that the noise of the computer is in both, and pages have the same size.
import { sql } from 'drizzle-orm'
import { Client } from 'pg'
import type { Database } from '../../drizzle/database.ts'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { createApp } from '../../functions/app.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { median } from './proxy/statistics.ts'
import { printJson } from './support/figures.ts'
import { benchOptions } from './support/options.ts'

const ABOUT = `Prints the median time of each filter of GET /workspaces with 100 and with 10,000 workspaces, and their ratio. A rare value
belongs to 20 workspaces in both, a common one to a quarter of them. Pages have 20 workspaces. Ends with 1 if a ratio reaches 2.`

/** The median may grow less than this many times. */
const GOAL = 2

const FEW = 100
const MANY = 10_000

const PAGE = 20
const ADMIN_TOKEN = 'the-admin-of-the-bench'

const PARENT = '00000000-0000-4000-8000-000000000001'
const COMMON_PARENT = '00000000-0000-4000-8000-000000000002'

/** The last workspaces that were created are the rare ones. */
const FILTERS: Readonly<Record<string, string>> = {
  'no filter': '',
  'status, rare': 'status=paused',
  'status, common': 'status=failed',
  'runtime, rare': 'runtime=hermes',
  'runtime, common': 'runtime=crewai',
  'tier, rare': 'tier=4',
  'tier, common': 'tier=2',
  'region, rare': 'region=ams',
  'region, common': 'region=fra',
  'parent_id, rare': `parent_id=${PARENT}`,
  'parent_id, common': `parent_id=${COMMON_PARENT}`,
  name: 'name=workspace-7',
  'name_prefix, rare': 'name_prefix=rare-',
  'name_prefix, common': 'name_prefix=common-',
  'label, rare': 'label=team%3Drare',
  'label, common': 'label=team%3Dcommon',
  'label, none has it': 'label=team%3Dnobody',
  created_after: `created_after=${encodeURIComponent('2026-01-01T00:00:00Z')}`,
  'sort by name': 'sort=name',
  'newest first': 'sort=-created_at',
  'status and label, common': 'status=failed&label=team%3Dcommon',
  'label, common, by name': 'label=team%3Dcommon&sort=name',
}

const options = benchOptions('bench:list', ABOUT, {
  requests: { says: 'requests for each filter and number of workspaces', default: 200 },
})

/** The common ones are every fourth, the rare ones the last 20. */
async function fill(db: Database, count: number): Promise<void> {
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
  await db.execute(sql`vacuum analyze workspaces`)
}

/** A server in this process with that many workspaces. */
async function serve(postgresUrl: string, count: number) {
  const client = new Client({ connectionString: postgresUrl })
  await client.connect()
  await client.query(`create database list_${count}`)
  await client.end()
  const url = new URL(postgresUrl)
  url.pathname = `/list_${count}`
  await migratePostgres(url.href)
  const database = connectPostgres(url.href)
  await fill(database.db, count)
  const services = createServices(
    parseConfig({ ADMIN_TOKEN, PUBLIC_URL: 'http://bench.example', API_RATE_PER_MINUTE: '0' }),
    database,
    { fetch, log: () => {}, canRunInBackground: false },
  )
  const app = createApp(services, { loopback: false })
  return {
    close: () => database.close(),
    /** @returns the time in milliseconds and the number of workspaces in the page */
    async list(query: string): Promise<{ ms: number; rows: number }> {
      const began = performance.now()
      const response = await app.request(`/workspaces?limit=${PAGE}&${query}`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      })
      const body: unknown = await response.json()
      const ms = performance.now() - began
      if (!response.ok || !Array.isArray(body))
        throw new Error(`${query}: ${response.status} ${JSON.stringify(body)}`)
      return { ms, rows: body.length }
    },
  }
}

const print = (cells: readonly string[]) =>
  console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(26) : cell.padStart(12))).join(''))

const ratios: number[] = []
const postgres = await startPostgres()
try {
  const [few, many] = [await serve(postgres.url, FEW), await serve(postgres.url, MANY)]
  print(['filter', 'rows', `${FEW}, ms`, `${MANY}, ms`, 'ratio'])
  for (const [name, query] of Object.entries(FILTERS)) {
    const [fewMs, manyMs]: [number[], number[]] = [[], []]
    let rows = 0
    // The first ones are not counted: plans and code are not warm yet.
    for (let at = -20; at < options.requests; at++) {
      const [a, b] = [await few.list(query), await many.list(query)]
      if (a.rows !== b.rows) throw new Error(`${name}: ${a.rows} rows of ${FEW}, ${b.rows} of ${MANY}`)
      rows = a.rows
      if (at < 0) continue
      fewMs.push(a.ms)
      manyMs.push(b.ms)
    }
    const ratio = median(manyMs) / median(fewMs)
    ratios.push(ratio)
    print([name, String(rows), median(fewMs).toFixed(2), median(manyMs).toFixed(2), ratio.toFixed(2)])
  }
  await Promise.all([few.close(), many.close()])
} finally {
  await postgres.stop()
}
const worst = Math.max(...ratios)
if (options.json) {
  const title = `GET /workspaces with ${MANY} workspaces ÷ ${FEW}, the largest of ${ratios.length} filters`
  printJson([{ title, value: worst, atMost: GOAL }])
} else console.log(`list filters=${ratios.length} largest ratio: ${worst.toFixed(2)}`)
process.exit(worst < GOAL ? 0 : 1)
