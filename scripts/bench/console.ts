// `npm run bench:console`: what the console costs a browser. A headless Chromium shows a fleet that changes all the time. The server is
// a separate process over a real Postgres, in which this process makes the changes. It fails where a figure exceeds its limit.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import type { Browser, Page } from 'playwright-core'
import { buildConsole } from '../../commands/build-console.ts'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { launchBrowser } from '../../test/support/browser.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { type Server, startServer } from '../../test/support/server.ts'
import { type Figure, figureTable, isReached, printJson } from './support/figures.ts'
import { benchOptions } from './support/options.ts'

const {
  json,
  rate: RATE,
  seconds: SECONDS,
  workspaces: WORKSPACES,
} = benchOptions(
  'bench:console',
  'When the page is interactive, and the share of a core that its process needs while the fleet changes.',
  {
    workspaces: { says: 'in the fleet', default: 2_000 },
    rate: { says: 'changes a second', default: 50 },
    seconds: { says: 'of changes, with charts and without', default: 30 },
  },
)

const LOADS = 5
const MOST_INTERACTIVE_MS = 1_000
const MOST_CPU_PERCENT = 50

await main()

async function main(): Promise<void> {
  await buildConsole(join(import.meta.dirname, '../../dist/assets'))
  const postgres = await startPostgres()
  await migratePostgres(postgres.url)
  const server = await startServer({
    PORT: '0',
    EMULATOR_PORT: '0',
    DATABASE_URL: postgres.url,
    API_RATE_PER_MINUTE: '0',
    // Nothing but this process changes the fleet.
    SWEEP_INTERVAL_SECONDS: '3600',
  })
  const database = new Client({ connectionString: postgres.url })
  await database.connect()
  const browser = await launchBrowser()
  try {
    const ids = await fillFleet(server, database)
    await report(browser, `${server.url}/console`, database, ids)
  } finally {
    await browser.close()
    await database.end()
    await server.end('SIGTERM')
    await postgres.stop()
  }
}

async function report(
  browser: Browser,
  url: string,
  database: Client,
  ids: readonly string[],
): Promise<void> {
  const times: number[] = []
  for (let load = 0; load < LOADS; load++) times.push(await timeToInteractive(browser, url))
  const interactive = times.toSorted((a, b) => a - b)[Math.floor(LOADS / 2)] ?? Number.NaN
  const figures: Figure[] = [
    {
      title: `console with ${ids.length} workspaces, interactive`,
      value: interactive,
      unit: 'ms',
      atMost: MOST_INTERACTIVE_MS,
    },
  ]
  for (const [name, hash] of [
    ['with charts', '#/?charts=hour'],
    ['without charts', '#/?charts=off'],
  ] as const) {
    const { changes, percent, resting } = await measure(browser, `${url}${hash}`, database, ids)
    const title = `console ${name}, at ${(changes / SECONDS).toFixed(0)} changes a second`
    figures.push(
      { title, value: percent, unit: '% of a core', atMost: MOST_CPU_PERCENT },
      { title: `console ${name}, at rest`, value: resting, unit: '% of a core' },
    )
  }
  if (json) printJson(figures)
  else console.log(figureTable(figures))
  if (figures.some((figure) => isReached(figure) === false)) process.exitCode = 1
}

/** Copies one workspace until there are as many as wanted. @returns their ids */
async function fillFleet({ call }: Pick<Server, 'call'>, database: Client): Promise<string[]> {
  await call('/workspaces', {
    method: 'POST',
    headers: { prefer: 'wait=60' },
    json: { name: 'agent-0', runtime: 'hermes', tier: 2 },
  })
  await database.query(
    `insert into workspaces
    select (jsonb_populate_record(w, jsonb_build_object(
      'id', gen_random_uuid(), 'name', 'agent-' || n, 'idempotency_key', null, 'machine_id', null,
      'labels', jsonb_build_object('team', (array['red', 'blue', 'green'])[1 + n % 3])))).*
    from workspaces w, generate_series(1, $1::int) n`,
    [WORKSPACES - 1],
  )
  const { rows } = await database.query<{ id: string }>('select id from workspaces')
  return rows.map(({ id }) => id)
}

/** Milliseconds from the navigation until the list is drawn and the page is at rest, so that a key is answered at once. */
async function timeToInteractive(browser: Browser, url: string): Promise<number> {
  const page = await open(browser, url)
  try {
    await page.locator('.row-link').first().waitFor()
    return await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          // A callback of the idle queue runs when nothing else waits for the thread of the page.
          requestIdleCallback(() => resolve(performance.now()))
        }),
    )
  } finally {
    await page.context().close()
  }
}

async function open(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  await page.goto(url)
  return page
}

async function measure(browser: Browser, url: string, database: Client, ids: readonly string[]) {
  const page = await open(browser, url)
  await page.locator('.row-link').first().waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
  await delay(3_000)
  const before = await rendererSeconds(page)
  await delay(5_000)
  const rested = await rendererSeconds(page)
  const changes = await changeFleet(database, ids)
  const worked = await rendererSeconds(page)
  await page.context().close()
  return {
    changes,
    percent: (100 * (worked - rested)) / SECONDS,
    resting: (100 * (rested - before)) / 5,
  }
}

/** Changes statuses at the rate: of one workspace after another, to offline and back. @returns how many changes there were */
async function changeFleet(database: Client, ids: readonly string[]): Promise<number> {
  const begun = performance.now()
  const end = begun + SECONDS * 1_000
  let changes = 0
  while (performance.now() < end) {
    const due = Math.floor(((performance.now() - begun) / 1_000) * RATE)
    for (; changes < due; changes++) {
      const id = ids[Math.floor(changes / 2) % ids.length] ?? ''
      const [status, type] = changes % 2 === 0 ? ['offline', 'agent_silent'] : ['ready', 'agent_answered']
      await database.query(
        `with changed as (
          update workspaces set status = $1::workspace_status, status_changed_at = now() where id = $2::uuid returning id
        )
        insert into events (workspace_id, type, generation, payload, at)
        select id, $3::text, 1, jsonb_build_object('status', $1::text), now() from changed`,
        [status, id, type],
      )
    }
    await delay(5)
  }
  return changes
}

/** Processor time of the renderers, which are those of this page: no other page is open. */
async function rendererSeconds(page: Page): Promise<number> {
  const browser = page.context().browser()
  if (browser === null) throw new Error('the page has no browser')
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime, 0)
}
