// `npm run bench:requests`: what heartbeats, reads, lists and creates cost this server on Postgres, compared in the same run
// with what Node and Postgres need for the same answers. The two take turns, so that other load on this computer affects both, and each
// ratio is the median of those of all turns, so that load which comes and goes affects few of them.
import { randomBytes } from 'node:crypto'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { startServer } from '../../test/support/server.ts'
import { startListening } from './proxy/child.ts'
import { HttpConnection } from './proxy/http-connection.ts'
import { median, percentile } from './proxy/statistics.ts'
import { type Figure, figureTable, printJson } from './support/figures.ts'
import { type AgentToken, copyAnswers, createAgents } from './requests/fill.ts'
import { createRequest, heartbeatRequest, requestOf } from './requests/messages.ts'
import { benchOptions } from './support/options.ts'
import { cpuSeconds } from './support/process-stats.ts'

const ABOUT = `Heartbeats with valid tokens, beside node:http and node-postgres with one UPDATE; and GET /workspaces/:id, GET /workspaces with
100 workspaces, and POST /workspaces of external ones, beside Hono and a prepared statement for the same JSON. All on Postgres.`

const { connections, json, rounds, seconds } = benchOptions('bench:requests', ABOUT, {
  seconds: { says: 'of each kind on each server, over all rounds', default: 10 },
  rounds: { says: 'in which the servers take turns', default: 30 },
  connections: { says: 'each sends one request after the other', default: 16 },
})

/** Before the first round, so that compilation is not measured. */
const WARM_UP_SECONDS = 8

const ADMIN_TOKEN = randomBytes(32).toString('base64url')

type Server = { port: number; pid: number }
/** Times in milliseconds. */
type Round = { perSecond: number; cpuMs: number; p50: number; p99: number }
type Kind = {
  name: string
  floor: Server
  /** Of one connection to a port. */
  request: (port: number, agent: AgentToken) => Buffer
  /** Of this server's requests/s to those of the floor. */
  atLeast: number
}

const postgres = await startPostgres()
await migratePostgres(postgres.url)
const agents = await createAgents(postgres.url)
const server = await startServer({
  PORT: '0',
  EMULATOR_PORT: '0',
  DATABASE_URL: postgres.url,
  ADMIN_TOKEN,
  // The limits count, and are not reached.
  API_RATE_PER_MINUTE: '1000000',
  CREATE_RATE_PER_HOUR: '1000000',
  LOG_LEVEL: 'error',
})
await copyAnswers(postgres.url, server, ADMIN_TOKEN)
const oneUpdate = await startListening('../requests/one-update.ts', [postgres.url])
const bareHono = await startListening('../requests/bare-hono.ts', [postgres.url])
try {
  const ours = { port: Number(new URL(server.url).port), pid: server.pid }
  const asAdmin = { floor: bareHono, atLeast: 0.33 }
  const kinds: Kind[] = [
    { name: 'heartbeat', floor: oneUpdate, request: heartbeatRequest, atLeast: 0.5 },
    {
      name: 'GET /workspaces/:id',
      ...asAdmin,
      request: (port, { id }) => requestOf(port, 'GET', `/workspaces/${id}`, ADMIN_TOKEN),
    },
    {
      name: 'GET /workspaces (100)',
      ...asAdmin,
      request: (port) => requestOf(port, 'GET', '/workspaces', ADMIN_TOKEN),
    },
    {
      name: 'POST /workspaces',
      ...asAdmin,
      request: (port) => createRequest(port, ADMIN_TOKEN),
    },
  ]
  const figures: Figure[] = []
  for (const kind of kinds) figures.push(...(await compare(kind, ours)))
  if (json) printJson(figures)
  else console.log(figureTable(figures))
} finally {
  await bareHono.stop()
  await oneUpdate.stop()
  await server.end('SIGTERM')
  await postgres.stop()
}

async function compare(kind: Kind, ours: Server): Promise<Figure[]> {
  for (const server of [kind.floor, ours]) await send(kind, server, WARM_UP_SECONDS)
  const pairs: Record<'floor' | 'ours', Round>[] = []
  for (let round = 0; round < rounds; round++) {
    const turn = (server: Server) => send(kind, server, seconds / rounds)
    // None is always the first.
    const own = round % 2 === 0 ? undefined : await turn(ours)
    const floor = await turn(kind.floor)
    pairs.push({ floor, ours: own ?? (await turn(ours)) })
  }
  const { atLeast, name } = kind
  const of = (which: 'floor' | 'ours', what: keyof Round) => median(pairs.map((pair) => pair[which][what]))
  const ratio = (what: keyof Round, share = 0.5) =>
    percentile(
      pairs.map((pair) => pair.ours[what] / pair.floor[what]),
      share,
    )
  const both = (what: keyof Round, digits: number) =>
    `${of('floor', what).toFixed(digits)} and ${of('ours', what).toFixed(digits)}`
  if (!json) {
    const quartiles = [0.25, 0.75].map((share) => ratio('perSecond', share).toFixed(2)).join(' and ')
    console.log(
      `${name.padEnd(24)}${both('perSecond', 0)} requests/s (quartiles of their ratio ${quartiles}), ${both('cpuMs', 2)} ms of CPU, p99 ${both('p99', 1)} ms`,
    )
  }
  const figures: Figure[] = [
    { title: `${name} ÷ its floor, requests/s`, value: ratio('perSecond'), atLeast },
    { title: `${name} ÷ its floor, CPU`, value: ratio('cpuMs') },
  ]
  if (name !== 'heartbeat') return figures
  const percent = (of('ours', 'cpuMs') * (10_000 / 30)) / 10
  const beating = { title: '10,000 agents that beat every 30 s', value: percent, unit: '% of a core' }
  return [...figures, { ...beating, atMost: 25 }]
}

async function send(kind: Kind, { pid, port }: Server, forSeconds: number): Promise<Round> {
  const senders = agents.slice(0, connections)
  const open = await Promise.all(senders.map(() => HttpConnection.open(port)))
  const requests = senders.map((agent) => kind.request(port, agent))
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
