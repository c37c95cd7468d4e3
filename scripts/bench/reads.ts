// `npm run bench:reads`: what reads cost with 10,000 workspaces and millions of events beside 100 workspaces and 1,000 events,
// through the whole API and a real Postgres. Requests to both alternate, so that the noise of the computer is in both, and answers have the
// same length.
import { Client } from 'pg'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { createApp } from '../../functions/app.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { median } from './proxy/statistics.ts'
import { fill, type Size } from './reads/fill.ts'
import { READS } from './reads/paths.ts'
import { figureTable, printJson } from './support/figures.ts'
import { benchOptions } from './support/options.ts'

const ABOUT = `Prints the median time of each read with 100 workspaces and with 10,000, and their ratio. A rare value belongs to 20
workspaces in both, a common one to a quarter of them; of the events 3 % have a rare type. Pages have 20 rows. Ends with 1 if a
ratio reaches 2.`

/** The median may grow less than this many times. */
const GOAL = 2

const FEW = { workspaces: 100, events: 1_000 }
/** One statement makes millions of events. */
const FILL_WITHIN_MS = 1_800_000

const ADMIN_TOKEN = 'the-admin-of-the-bench'

const options = benchOptions('bench:reads', ABOUT, {
  requests: { says: 'requests for each read and size', default: 200 },
  workspaces: { says: 'of the large database', default: 10_000 },
  events: { says: 'of the large database', default: 10_000_000 },
})

/** A server in this process with a database of that size. */
async function serve(postgresUrl: string, size: Size) {
  const client = new Client({ connectionString: postgresUrl })
  await client.connect()
  await client.query(`create database reads_${size.workspaces}`)
  await client.end()
  const url = new URL(postgresUrl)
  url.pathname = `/reads_${size.workspaces}`
  await migratePostgres(url.href)
  const filler = connectPostgres(url.href, { timeoutMs: FILL_WITHIN_MS })
  await fill(filler.db, size)
  await filler.close()
  const database = connectPostgres(url.href)
  const services = createServices(
    parseConfig({ ADMIN_TOKEN, PUBLIC_URL: 'http://bench.example', API_RATE_PER_MINUTE: '0' }),
    database,
    { fetch, log: () => {} },
  )
  const app = createApp(services, { loopback: false })
  return {
    close: () => database.close(),
    /** @returns the time in milliseconds and the number of rows in the answer */
    async read(path: string): Promise<{ ms: number; rows: number }> {
      const began = performance.now()
      const response = await app.request(path, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
      const body = (await response.json()) as object
      const ms = performance.now() - began
      if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`)
      return { ms, rows: [body, ...Object.values(body)].find((part) => Array.isArray(part))?.length ?? 1 }
    },
  }
}

const print = (cells: readonly string[]) =>
  console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(34) : cell.padStart(12))).join(''))

const many: Size = { workspaces: options.workspaces, events: options.events }
const ratios: number[] = []
const postgres = await startPostgres()
try {
  const [small, large] = [await serve(postgres.url, FEW), await serve(postgres.url, many)]
  if (!options.json) print(['read', 'rows', `${FEW.workspaces}, ms`, `${many.workspaces}, ms`, 'ratio'])
  for (const [name, path] of Object.entries(READS)) {
    const [smallMs, largeMs]: [number[], number[]] = [[], []]
    let rows = 0
    // The first ones are not counted: plans and code are not warm yet.
    for (let at = -20; at < options.requests; at++) {
      const [a, b] = [await small.read(path), await large.read(path)]
      if (a.rows !== b.rows) throw new Error(`${name}: ${a.rows} rows and ${b.rows}`)
      rows = a.rows
      if (at < 0) continue
      smallMs.push(a.ms)
      largeMs.push(b.ms)
    }
    const ratio = median(largeMs) / median(smallMs)
    ratios.push(ratio)
    if (options.json) continue
    print([name, String(rows), median(smallMs).toFixed(2), median(largeMs).toFixed(2), ratio.toFixed(2)])
  }
  await Promise.all([small.close(), large.close()])
} finally {
  await postgres.stop()
}
const largest = Math.max(...ratios)
const count = (n: number) => n.toLocaleString('en-US')
const title = `${ratios.length} reads, largest ratio of ${count(many.workspaces)} workspaces and ${count(many.events)} events to ${FEW.workspaces} and ${count(FEW.events)}`
const figures = [{ title, value: largest, atMost: GOAL }]
if (options.json) printJson(figures)
else console.log(`\n${figureTable(figures)}`)
process.exit(largest < GOAL ? 0 : 1)
