// `npm run bench:events`: the cost of event listeners for one server, compared with the same changes without listeners. The
// server is a separate process over a real Postgres; the listeners are connections of this process.
import { get, type ClientRequest } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { startServer } from '../../test/support/server.ts'
import { type Figure, printJson } from './support/figures.ts'
import { benchOptions } from './support/options.ts'
import { cpuSeconds, residentKb } from './support/process-stats.ts'

const {
  json,
  listeners: LISTENERS,
  rate: RATE,
  seconds: SECONDS,
} = benchOptions(
  'bench:events',
  'Latency from a change to its listeners, CPU and memory, on one server over Postgres.',
  {
    listeners: { says: 'connections that listen', default: 500 },
    rate: { says: 'changes a second', default: 5 },
    seconds: { says: 'of each round', default: 20 },
  },
)

/** Which server makes the changes: the one with the listeners, or another one on the same database. */
type Writer = 'this server' | 'another'

type Row = {
  listeners: number
  writer: Writer
  received: number
  expected: number
  latencies: number[]
  cpuPercent: number
  megabytes: number
}

await main()

async function main(): Promise<void> {
  const postgres = await startPostgres()
  await migratePostgres(postgres.url)
  const server = await startServer({
    PORT: '0',
    EMULATOR_PORT: '0',
    DATABASE_URL: postgres.url,
    API_RATE_PER_MINUTE: '0',
  })
  try {
    const id = await createWorkspace(server.url)
    // A first round without figures, so that compilation is not measured.
    await measure(20, 'this server', 3)
    const rows: Row[] = []
    for (const [listeners, writer] of [
      [0, 'this server'],
      [LISTENERS, 'this server'],
      [0, 'another'],
      [LISTENERS, 'another'],
    ] as const) {
      rows.push(await measure(listeners, writer, SECONDS))
    }
    if (json) printJson(figuresOf(rows))
    else print(rows)

    async function measure(listeners: number, writer: Writer, seconds: number): Promise<Row> {
      const begun = new Map<string, number>()
      const latencies: number[] = []
      const open = await Promise.all(
        Array.from({ length: listeners }, () =>
          listen(`${server.url}/events?types=workspace_updated`, (name) => {
            latencies.push(performance.now() - (begun.get(name) ?? Number.NaN))
          }),
        ),
      )
      await delay(1_000)
      const client = new Client({ connectionString: postgres.url })
      // After a failure the server may end first.
      client.on('error', () => {})
      await client.connect()
      const cpu = cpuSeconds(server.pid) ?? Number.NaN
      const started = performance.now()
      const changes = Math.round(seconds * RATE)
      for (let n = 0; n < changes; n++) {
        const name = `${listeners}-${writer}-${n}`
        begun.set(name, performance.now())
        if (writer === 'this server') await rename(server.url, id, name)
        else await write(client, id, name)
        // Not synchronous with the polls of the log.
        await delay(Math.max(0, started + ((n + Math.sin(n) / 3) * 1_000) / RATE - performance.now()))
      }
      await delay(1_000)
      const wall = (performance.now() - started) / 1_000
      const row: Row = {
        listeners,
        writer,
        received: latencies.length,
        expected: listeners * changes,
        latencies: latencies.toSorted((a, b) => a - b),
        cpuPercent: (((cpuSeconds(server.pid) ?? Number.NaN) - cpu) / wall) * 100,
        megabytes: (residentKb(server.pid) ?? Number.NaN) / 1_024,
      }
      await client.end()
      for (const request of open) request.destroy()
      await delay(1_000)
      return row
    }
  } finally {
    await server.end('SIGTERM')
    await postgres.stop()
  }
}

async function createWorkspace(url: string): Promise<string> {
  const response = await fetch(`${url}/workspaces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=30' },
    body: JSON.stringify({ name: 'bench', runtime: 'hermes' }),
  })
  return ((await response.json()) as { id: string }).id
}

async function rename(url: string, id: string, name: string): Promise<void> {
  const response = await fetch(`${url}/workspaces/${id}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  })
  await response.text()
  if (!response.ok) throw new Error(`the change failed with status ${response.status}`)
}

async function write(client: Client, id: string, name: string): Promise<void> {
  await client.query(
    `insert into events (workspace_id, type, generation, payload, at)
     values ($1, 'workspace_updated', 1, jsonb_build_object('status', 'ready', 'fields', '[]'::jsonb, 'name', $2::text), now())`,
    [id, name],
  )
}

/** Resolves when the first bytes of the stream arrive. */
function listen(url: string, onName: (name: string) => void): Promise<ClientRequest> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers: { accept: 'text/event-stream' }, agent: false }, (response) => {
      if (response.statusCode !== 200)
        reject(new Error(`a listener failed with status ${response.statusCode}`))
      response.setEncoding('utf8').once('data', () => resolve(request))
      response.on('error', () => {})
      response.on('data', (text: string) => {
        for (const [, name] of text.matchAll(/"name":"([^"]+)"/g)) onName(name ?? '')
      })
    })
    request.on('error', reject)
  })
}

function figuresOf(rows: Row[]): Figure[] {
  const [none, some] = rows
  if (none === undefined || some === undefined) return []
  const title = `${some.listeners} listeners at ${RATE} changes a second`
  return [
    { title: `${title}, more CPU`, value: some.cpuPercent - none.cpuPercent, unit: '% of a core' },
    {
      title: `${title}, p99`,
      value: some.latencies[Math.floor(some.latencies.length * 0.99)] ?? NaN,
      unit: 'ms',
    },
    { title: `${title}, notified`, value: (100 * some.received) / some.expected, unit: '%', atLeast: 100 },
  ]
}

function print(rows: Row[]): void {
  const cells = (list: (string | number)[]) =>
    console.log(list.map((cell) => String(cell).padStart(14)).join(''))
  console.log(`${RATE} changes a second for ${SECONDS} s; of one server, over Postgres`)
  cells(['listeners', 'writer', 'received', 'of', 'p50 ms', 'p99 ms', 'CPU %', 'RSS MB'])
  for (const { cpuPercent, expected, received, latencies, listeners, megabytes, writer } of rows) {
    const at = (part: number) => latencies[Math.floor(latencies.length * part)]?.toFixed(0) ?? '-'
    cells([
      listeners,
      writer,
      received,
      expected,
      at(0.5),
      at(0.99),
      cpuPercent.toFixed(1),
      megabytes.toFixed(0),
    ])
  }
  for (const [at, none] of rows.entries()) {
    const some = rows[at + 1]
    if (some === undefined || none.listeners > 0) continue
    const perEvent = ((some.cpuPercent - none.cpuPercent) * (SECONDS + 1) * 1e4) / Math.max(1, some.received)
    const perListener = ((some.megabytes - none.megabytes) * 1_024) / some.listeners
    console.log(
      `${none.writer}: ${(some.cpuPercent / none.cpuPercent).toFixed(1)} times the CPU without listeners, ${perEvent.toFixed(0)} µs for each delivered event, ${perListener.toFixed(0)} KB for each listener`,
    )
  }
}
