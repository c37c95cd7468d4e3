// `npm run bench:sweep`: the cost of a sweep by the number of workspaces at rest and of machines that changed, with a real
// Postgres, the real Fly client, and a table in memory in place of Fly, so that only this program is measured.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { Client } from 'pg'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import * as schema from '../../drizzle/schema/index.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { LONG_LIVED } from '../../lib/control-plane/long-lived.ts'
import { createLog } from '../../lib/platform/log.ts'
import { sweep } from '../../lib/control-plane/sweep.ts'
import { signatureOf } from '../../lib/provisioner/provisioner.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { type Figure, printJson } from './support/figures.ts'
import { benchOptions } from './support/options.ts'

/** The number of workspaces at rest, and of machines that stopped by themselves. */
const CASES = [
  [100, 0],
  [1_000, 0],
  [10_000, 0],
  [1_000, 10],
  [1_000, 100],
] as const

/** Far more than any case needs. */
const MOST_SWEEPS = 50

const FLY = 'http://fly.bench'
const PROXY = 'http://proxy.bench'
const APP = 'bench'

/** Of every machine. Those that nobody changed since they were recorded are not looked at. */
const VERSION = '01JCHAOS0000000000000000'
const SIGNATURE = signatureOf({ isCordoned: false, version: VERSION }) ?? ''

type Cost = { sweeps: number; fly: number; sql: number; cpuMs: number; wallMs: number; peakMb: number }

const options = benchOptions(
  'bench:sweep',
  'The cost of a sweep at 100, 1,000 and 10,000 workspaces, and at 1,000 with 10 and 100 changes.',
  {
    database: { says: 'measures one case in this empty database', default: '' },
    workspaces: { says: 'at rest, in that case', default: 1_000 },
    changed: { says: 'machines that stopped, in that case', default: '0' },
  },
)
if (options.database === '') {
  await printTable()
} else {
  const cost = await measure(options.database, options.workspaces, Number(options.changed))
  console.log(JSON.stringify(cost))
}

async function printTable(): Promise<void> {
  const columns = [
    'workspaces',
    'changes',
    'sweeps',
    'Fly calls',
    'statements',
    'CPU ms',
    'wall ms',
    'peak +MB',
  ]
  const print = (cells: (string | number)[]) =>
    console.log(cells.map((cell) => String(cell).padStart(11)).join(''))
  const figures: Figure[] = []
  if (!options.json) print(columns)
  const postgres = await startPostgres()
  try {
    for (const [at, [workspaces, changes]] of CASES.entries()) {
      const { sweeps, fly, sql, cpuMs, wallMs, peakMb } = await inItsOwnProcess(
        postgres.url,
        at,
        workspaces,
        changes,
      )
      if (!options.json) print([workspaces, changes, sweeps, fly, sql, cpuMs, wallMs, peakMb])
      if (workspaces < 10_000) continue
      const title = `a sweep over ${workspaces.toLocaleString('en-US')} workspaces at rest`
      figures.push(
        { title: `${title}, calls to Fly`, value: fly, atMost: 10 },
        { title: `${title}, statements`, value: sql },
        { title: `${title}, CPU`, value: cpuMs, unit: 'ms' },
      )
    }
    if (options.json) printJson(figures)
  } finally {
    await postgres.stop()
  }
}

/** Each case has its own database and process, so that memory figures are independent. */
async function inItsOwnProcess(
  server: string,
  at: number,
  workspaces: number,
  changes: number,
): Promise<Cost> {
  const client = new Client({ connectionString: server })
  await client.connect()
  await client.query(`create database bench_${at}`)
  await client.end()
  const database = new URL(server)
  database.pathname = `/bench_${at}`
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(import.meta.url),
      '--database',
      database.href,
      '--workspaces',
      String(workspaces),
      '--changed',
      String(changes),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let printed = ''
  child.stdout.on('data', (bytes) => (printed += String(bytes)))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`the measurement ended with ${code}`)
  return JSON.parse(printed) as Cost
}

/** Sweeps until nothing is left to do. Sweeps before the changes are not counted. */
async function measure(url: string, workspaces: number, changes: number): Promise<Cost> {
  await migratePostgres(url)
  const database = connectPostgres(url)
  const { db } = database
  const [self] = await db.select().from(schema.controlPlane)
  await fill(db, workspaces)
  const counted = { fly: 0, sql: 0 }
  const fly = createTable(workspaces, self?.id ?? '', counted)
  countStatements(counted)
  const config = parseConfig({
    CONTAINER_BACKEND: 'flyio',
    FLY_API_TOKEN: 'bench',
    FLY_WORKSPACE_APP: APP,
    FLY_FLAPS_BASE_URL: FLY,
    FLY_API_BASE_URL: FLY,
    FLY_PROXY_BASE_URL: PROXY,
  })
  const services = createServices(config, database, {
    fetch: fly.fetch,
    log: createLog('warn', (line) => console.error(line)),
    longLived: LONG_LIVED,
  })
  for (let warm = 0; warm < 3; warm++) await sweep(services)

  fly.stop(changes)
  Object.assign(counted, { fly: 0, sql: 0 })
  const memory = process.memoryUsage().rss
  let peak = memory
  const sampler = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 2)
  const cpu = process.cpuUsage()
  const begun = performance.now()
  let sweeps = 0
  let restored = 0
  do {
    const { reconciled } = await sweep(services)
    if (++sweeps > MOST_SWEEPS) throw new Error(`${restored} of ${changes} changes are done`)
    restored += reconciled
    peak = Math.max(peak, process.memoryUsage().rss)
  } while (restored < changes)
  const wallMs = performance.now() - begun
  const { user, system } = process.cpuUsage(cpu)
  clearInterval(sampler)
  const cost = { sweeps, fly: counted.fly, sql: counted.sql }
  await assertAllReady(db, workspaces)
  await database.close()
  return {
    ...cost,
    cpuMs: Math.round((user + system) / 1000),
    wallMs: Math.round(wallMs),
    peakMb: Math.round((peak - memory) / 2 ** 20),
  }
}

type Db = ReturnType<typeof connectPostgres>['db']

function idOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
}

/** Workspaces that have been ready for a while. */
async function fill(db: Db, workspaces: number): Promise<void> {
  await db.execute(sql`
    insert into ${schema.workspaces} (id, name, runtime, tier, regions, status, status_changed_at, launch_id, launched_at,
      app, machine_id, machine_signature, machine_generation, machine_spec_version, machine_state, machine_region, ready_at,
      last_heartbeat_at, machine_seen_at, created_at, updated_at)
    select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'bench ' || n, 'langgraph', 2, '["ord"]', 'ready',
      now(), gen_random_uuid(), now(), ${APP}, 'machine' || n, ${SIGNATURE}, 1, 1, 'started', 'ord', now(), now(), now(), now(), now()
    from generate_series(1, ${workspaces}::int) as n`)
  await db.execute(sql`analyze`)
}

async function assertAllReady(db: Db, workspaces: number): Promise<void> {
  const rows = await db.select({ status: schema.workspaces.status }).from(schema.workspaces)
  const ready = rows.filter(({ status }) => status === 'ready').length
  if (ready !== workspaces) throw new Error(`${ready} of ${workspaces} are ready`)
}

function countStatements(counted: { sql: number }): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with its client below
  const { query } = Client.prototype
  Client.prototype.query = function (this: Client, ...given: Parameters<typeof query>) {
    counted.sql++
    return query.apply(this, given)
  } as typeof query
}

/** Fly as a table of machines: lists in pages, shows, starts and waits for one, and an agent's card behind the proxy. */
function createTable(workspaces: number, controlPlane: string, counted: { fly: number }) {
  const states = Array.from({ length: workspaces }, () => 'started')
  const summary = (n: number) => ({
    id: `machine${n}`,
    name: `ws-${idOf(n)}`,
    state: states[n - 1],
    region: 'ord',
    instance_id: VERSION,
    private_ip: 'fdaa:0:1:a7b:1:2:3:2',
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-01T00:00:00Z',
    host_status: 'ok',
  })
  const whole = (n: number) => ({
    ...summary(n),
    config: {
      image: 'ghcr.io/molecule-ai/workspace-langgraph:latest',
      metadata: { control_plane: controlPlane, workspace_id: idOf(n), generation: '1', launch_id: idOf(n) },
    },
    events: [],
  })
  const list = (query: URLSearchParams): Response => {
    const from = Number(query.get('cursor') ?? 0)
    const to = Math.min(workspaces, from + Number(query.get('limit') ?? workspaces))
    const page = Array.from({ length: to - from }, (_, at) => summary(from + at + 1))
    return Response.json(page, { headers: to < workspaces ? { 'fly-next-cursor': String(to) } : {} })
  }
  const answer = (method: string, url: URL): Response => {
    if (url.origin === PROXY) return Response.json({ name: 'bench' })
    counted.fly++
    if (url.pathname.endsWith('/secrets')) return Response.json({ secrets: [] })
    const [, number, verb] = /\/machines(?:\/machine(\d+)(?:\/(\w+))?)?$/.exec(url.pathname) ?? []
    if (number === undefined) return list(url.searchParams)
    if (method === 'POST' && verb === 'start') states[Number(number) - 1] = 'started'
    return Response.json(verb === undefined ? whole(Number(number)) : { state: 'started' })
  }
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    return answer(request.method, new URL(request.url))
  }
  return {
    fetch,
    /** Stops the first `count` machines. */
    stop: (count: number) => void states.fill('stopped', 0, count),
  }
}
