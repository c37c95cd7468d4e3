// `npm run dev:worker`: the Worker on this computer as it runs at Cloudflare, without an account: wrangler's workerd, a Postgres
// from npm behind Neon's protocol, and the emulated Fly with its machines as processes.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { listenForEmbeddedFly } from '../../functions/node/embedded-fly.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { startNeonBridge } from '../../test/support/neon-bridge.ts'
import { COMPILE_CACHE } from '../../test/support/once-in-run.ts'
import { freePorts } from '../../test/support/ports.ts'
import { startPostgres } from '../../test/support/postgres.ts'

const HELP = `npm run dev:worker -- [options]

Runs the Worker under \`wrangler dev\`, with a local Postgres behind Neon's protocol and the emulated Fly. It calls neither
Cloudflare nor Neon nor Fly, and does not read .dev.vars. It reloads changed code, and runs the cron trigger every minute.
Its data is deleted at the end.

  --port N            the port of the Worker                 default PORT, or 8080
  --subrequests N     SUBREQUEST_LIMIT: 50 is the free plan    default 10000

Ctrl-C ends it.
`

const { values: flags } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h' },
    port: { type: 'string', default: process.env['PORT'] || '8080' },
    subrequests: { type: 'string', default: '10000' },
  },
})
if (flags.help === true) {
  console.log(HELP)
  process.exit(0)
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CRON_MS = 60_000
const READY_MS = 120_000

const url = `http://127.0.0.1:${flags.port}`
const adminToken = randomBytes(24).toString('base64url')
const directory = mkdtempSync(join(tmpdir(), 'dev-worker-'))

/** Ends what has been started, in reverse order. */
const started: (() => Promise<unknown> | void)[] = [
  () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }),
]
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort())
}

process.exitCode = await main()

async function main(): Promise<number> {
  try {
    const worker = await start()
    await untilReady(worker)
    console.log(instructions())
    await runUntilInterrupted(worker)
    return 0
  } catch (error) {
    if (interrupted.signal.aborted) return 130
    console.error(`\n${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    for (const end of started.toReversed()) await end()
  }
}

async function start(): Promise<ChildProcess> {
  console.log('Starting Postgres, the emulated Fly and workerd …')
  const postgres = await startPostgres()
  started.push(() => postgres.stop())
  await migratePostgres(postgres.url)
  const bridge = await startNeonBridge()
  started.push(() => bridge.close())
  const { EMULATOR_IMAGES } = process.env
  const config = parseConfig({ DATA_DIR: directory, EMULATOR_PORT: '0', EMULATOR_IMAGES })
  const fly = await (await listenForEmbeddedFly(config)).start(() => {})
  started.push(() => fly.close())

  // In a file, which no process list shows. With it wrangler does not read .dev.vars, which may be of production.
  const secrets = join(directory, 'secrets.env')
  writeFileSync(
    secrets,
    Object.entries({
      DATABASE_URL: postgres.url,
      FLY_API_TOKEN: config.fly.token,
      FLY_WORKSPACE_APP: config.fly.apps[0],
      PUBLIC_URL: url,
      ADMIN_TOKEN: adminToken,
    })
      .map(([name, value]) => `${name}="${value}"\n`)
      .join(''),
  )
  const vars = {
    NEON_HTTP_ENDPOINT: bridge.endpoint,
    FLY_FLAPS_BASE_URL: fly.apiUrl,
    FLY_API_BASE_URL: fly.apiUrl,
    FLY_PROXY_BASE_URL: fly.proxyUrl,
    SECRETS_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    SUBREQUEST_LIMIT: flags.subrequests,
    LOG_LEVEL: 'warn',
  }
  const [inspectorPort] = await freePorts(1)
  const worker = spawn(
    process.execPath,
    [
      join(createRequire(import.meta.url).resolve('wrangler/package.json'), '../bin/wrangler.js'),
      'dev',
      '--env=',
      '--local',
      '--ip=127.0.0.1',
      `--port=${flags.port}`,
      `--inspector-port=${inspectorPort}`,
      `--env-file=${secrets}`,
      '--show-interactive-dev-session=false',
      `--persist-to=${directory}/wrangler`,
      ...Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`]),
    ],
    {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        NODE_COMPILE_CACHE: COMPILE_CACHE,
        WRANGLER_SEND_METRICS: 'false',
        WRANGLER_HIDE_BANNER: 'true',
      },
      stdio: ['ignore', 'inherit', 'inherit'],
      // Ctrl-C ends this process, which then ends everything in order.
      detached: true,
    },
  )
  started.push(async () => {
    if (worker.exitCode !== null || worker.signalCode !== null) return
    const exited = once(worker, 'exit')
    worker.kill('SIGTERM')
    await exited
  })
  return worker
}

/** @throws Error if wrangler ends or the Worker is not ready in time */
async function untilReady(worker: ChildProcess): Promise<void> {
  const until = Date.now() + READY_MS
  for (;;) {
    interrupted.signal.throwIfAborted()
    if (worker.exitCode !== null)
      throw new Error(`wrangler ended. Is port ${flags.port} in use? See --port and PORT.`)
    const response = await fetch(`${url}/readyz`).catch(() => undefined)
    if (response?.status === 200) return
    if (Date.now() > until) {
      throw new Error(
        `${url}/readyz is not ready: ${response === undefined ? 'no answer' : await response.text()}`,
      )
    }
    await delay(250)
  }
}

/** Runs the cron trigger, which `wrangler dev` does not do. */
async function runUntilInterrupted(worker: ChildProcess): Promise<void> {
  const runCron = () =>
    fetch(`${url}/cdn-cgi/handler/scheduled?cron=*+*+*+*+*`).catch((error: unknown) =>
      console.error(`the cron trigger could not be run: ${String(error)}`),
    )
  const timer = setInterval(() => void runCron(), CRON_MS)
  const exited = once(worker, 'exit')
  const ended = await Promise.race([exited, once(interrupted.signal, 'abort').then(() => undefined)])
  clearInterval(timer)
  if (ended !== undefined) throw new Error('wrangler ended')
}

function instructions(): string {
  return `
The Worker is ready at ${url}   (docs at ${url}/docs)

In another terminal:

  export BASE_URL=${url} ADMIN_TOKEN=${adminToken}

  curl -s $BASE_URL/healthz | jq .
  curl -s -X POST $BASE_URL/workspaces -H "Authorization: Bearer $ADMIN_TOKEN" -H 'Content-Type: application/json' \\
    -H 'Prefer: wait=30' -d '{"name": "fly-worker", "runtime": "hermes", "tier": 2}' | jq '{id, status, region}'
  curl -s $BASE_URL/workspaces -H "Authorization: Bearer $ADMIN_TOKEN" | jq '.[] | {id, status, machine_state}'
  curl -s "$BASE_URL/cdn-cgi/handler/scheduled?cron=*+*+*+*+*"      # runs the cron trigger now

The whole tutorial as one program: npm run tutorial
Ctrl-C ends it.
`
}
