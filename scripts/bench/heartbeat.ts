// `npm run bench:heartbeat`: what a heartbeat with a valid token costs this server on Postgres, compared in the same run with the
// floor: node:http and node-postgres with one UPDATE. The two take turns, so that other load on this computer affects both.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Client } from 'pg'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { startServer } from '../../test/support/server.ts'
import { startListening } from './proxy/child.ts'
import { HttpConnection } from './proxy/http-connection.ts'
import { median, percentile } from './proxy/statistics.ts'
import { cpuSeconds } from './support/process-stats.ts'

const HELP = `npm run bench:heartbeat -- [options]

  --seconds N        of each road, over all rounds         default 20
  --rounds N         in which the roads take turns         default 10
  --connections N    each beats for a workspace of its own default 16
  --json             prints the figures as JSON
`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '10' },
    connections: { type: 'string', default: '16' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  console.log(HELP)
  process.exit(0)
}
const [seconds, rounds, connections] = [values.seconds, values.rounds, values.connections].map(Number) as [
  number,
  number,
  number,
]
if (!(seconds > 0 && rounds > 0 && connections > 0)) {
  console.error('--seconds, --rounds and --connections must be numbers above 0')
  process.exit(2)
}

/** Seconds of each road before the first round, so that compilation is not measured. */
const WARM_UP_SECONDS = 10

type AgentToken = { id: string; token: string }
type Road = { name: string; port: number; pid: number }
/** Times in milliseconds. */
type Round = { perSecond: number; cpuMs: number; p50: number; p99: number }

const postgres = await startPostgres()
await migratePostgres(postgres.url)
const agents = await createAgents(postgres.url, connections)
const server = await startServer({
  PORT: '0',
  EMULATOR_PORT: '0',
  DATABASE_URL: postgres.url,
  ADMIN_TOKEN: randomBytes(32).toString('base64url'),
  LOG_LEVEL: 'error',
})
const floor = await startListening('../heartbeat/floor.ts', [postgres.url])
try {
  const roads: Road[] = [
    { name: 'floor', port: floor.port, pid: floor.pid },
    { name: 'ours', port: Number(new URL(server.url).port), pid: server.pid },
  ]
  for (const road of roads) await beat(road, WARM_UP_SECONDS)
  const measured = new Map<string, Round[]>(roads.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const road of roads) measured.get(road.name)?.push(await beat(road, seconds / rounds))
  }
  print(measured)
} finally {
  await floor.stop()
  await server.end('SIGTERM')
  await postgres.stop()
}

/** Workspaces whose agents have tokens. They are paused, so that nothing else happens to them meanwhile. */
async function createAgents(url: string, count: number): Promise<AgentToken[]> {
  const created = Array.from({ length: count }, () => ({
    id: randomUUID(),
    token: randomBytes(32).toString('base64url'),
  }))
  const client = new Client({ connectionString: url })
  await client.connect()
  for (const { id, token } of created) {
    await client.query(
      `insert into workspaces (id, name, runtime, tier, regions, status, status_changed_at, created_at, updated_at)
       values ($1, 'measured', 'hermes', 2, '["ord"]', 'paused', now(), now(), now())`,
      [id],
    )
    const hash = createHash('sha256').update(token).digest('hex')
    await client.query(
      'insert into workspace_tokens (workspace_id, hash, prefix, generation, created_at) values ($1, $2, $3, 1, now())',
      [id, hash, token.slice(0, 8)],
    )
  }
  await client.end()
  return created
}

async function beat({ pid, port }: Road, forSeconds: number): Promise<Round> {
  const open = await Promise.all(agents.map(() => HttpConnection.open(port)))
  const requests = agents.map((agent) => requestOf(port, agent))
  const times: number[] = []
  const cpu = cpuSeconds(pid) ?? Number.NaN
  const began = performance.now()
  const until = began + forSeconds * 1_000
  await Promise.all(
    open.map(async (connection, at) => {
      const request = requests[at] ?? Buffer.alloc(0)
      while (performance.now() < until) {
        const sent = performance.now()
        await connection.exchange(request)
        times.push(performance.now() - sent)
      }
    }),
  )
  const elapsed = (performance.now() - began) / 1_000
  for (const connection of open) connection.close()
  return {
    perSecond: times.length / elapsed,
    cpuMs: (((cpuSeconds(pid) ?? Number.NaN) - cpu) * 1_000) / times.length,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  }
}

/** What Molecule's agents send every 30 s. */
function requestOf(port: number, { id, token }: AgentToken): Buffer {
  const body = JSON.stringify({
    workspace_id: id,
    error_rate: 0,
    sample_error: '',
    active_tasks: 0,
    current_task: '',
    uptime_seconds: 3_600,
  })
  const lines = [
    'POST /registry/heartbeat HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    `Authorization: Bearer ${token}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

function print(measured: ReadonlyMap<string, Round[]>): void {
  const figure = (name: string, which: keyof Round) =>
    median((measured.get(name) ?? []).map((round) => round[which]))
  const rows = (['perSecond', 'cpuMs', 'p50', 'p99'] as const).map((which) => {
    const [floorFigure, ours] = [figure('floor', which), figure('ours', which)]
    return { figure: which, floor: floorFigure, ours, ratio: ours / floorFigure }
  })
  if (values.json) {
    console.log(JSON.stringify(rows, undefined, 2))
    return
  }
  console.log(`medians of ${rounds} rounds, ${connections} connections, Node ${process.version}\n`)
  const titles = {
    perSecond: 'heartbeats/s',
    cpuMs: 'CPU ms a heartbeat',
    p50: 'p50, ms',
    p99: 'p99, ms',
  }
  console.log(`${''.padEnd(22)}${['floor', 'ours', 'ratio'].map((title) => title.padStart(10)).join('')}`)
  for (const row of rows) {
    const cells = [row.floor, row.ours, row.ratio].map((value) => value.toFixed(2).padStart(10))
    console.log(`${titles[row.figure].padEnd(22)}${cells.join('')}`)
  }
}
