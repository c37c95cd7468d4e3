// `npm run bench:boot`: the start time of the embedded server, and the time of a workspace to become ready beyond the boot of
// its emulated machine. Measured from outside, over HTTP.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Server, startServer } from '../../test/support/server.ts'
import { median } from './proxy/statistics.ts'
import { type Figure, figureTable, printJson } from './support/figures.ts'
import { benchOptions } from './support/options.ts'
import { proportionalKb, residentKb } from './support/process-stats.ts'

const {
  'boot-ms': BOOT_MS,
  json,
  runs: RUNS,
} = benchOptions(
  'bench:boot',
  'The start of the embedded server, its memory, and the time of a workspace to become ready, beyond the boot of its machine.',
  {
    runs: { says: 'each with a first and a second start', default: 5 },
    'boot-ms': { says: 'how long the emulated machine boots', default: 1_000 },
  },
)

const FIRST: Figure = { title: 'first start → 200 on /healthz', value: NaN, unit: 'ms' }
const SECOND: Figure = { title: 'second start → 200 on /healthz', value: NaN, unit: 'ms', atMost: 1_500 }
const MEMORY: Figure = { title: 'memory after the second start', value: NaN, unit: 'MB', atMost: 350 }
const CREATE: Figure = { title: 'create → ready, beyond the boot', value: NaN, unit: 'ms' }
const RESTART: Figure = { title: 'restart → ready, beyond the boot', value: NaN, unit: 'ms' }
const MACHINE: Figure = {
  title: 'memory of an emulated machine, with its share of shared pages',
  value: NaN,
  unit: 'MB',
  atMost: 60,
}
const FIGURES = [FIRST, SECOND, MEMORY, CREATE, RESTART, MACHINE]

const measured = new Map<Figure, number[]>(FIGURES.map((figure) => [figure, []]))
const note = (figure: Figure, value: number) => measured.get(figure)?.push(value)
const megabytes = (pid: number) => (residentKb(pid) ?? Number.NaN) / 1024

process.once('SIGINT', () => process.exit(1))
for (let run = 1; run <= RUNS; run++) {
  process.stderr.write(`run ${run} of ${RUNS}\n`)
  const directory = mkdtempSync(join(tmpdir(), 'workspaces-bench-'))
  try {
    await (await startHealthy(FIRST, directory)).end('SIGTERM')
    const server = await startHealthy(SECOND, directory)
    note(MEMORY, megabytes(server.pid))
    const id = await timed(CREATE, BOOT_MS, () =>
      post(server, '/workspaces', { name: 'bench', runtime: 'hermes' }),
    )
    await timed(RESTART, BOOT_MS, () => post(server, `/workspaces/${id}/restart`))
    for (const guest of server.guests()) note(MACHINE, (proportionalKb(guest) ?? Number.NaN) / 1024)
    await server.end('SIGTERM')
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

const figures = FIGURES.map((figure) => ({ ...figure, value: median(measured.get(figure) ?? []) }))
if (json) printJson(figures)
else {
  console.log(`medians of ${RUNS} runs; the boot of an emulated machine (${BOOT_MS} ms) is subtracted\n`)
  console.log(figureTable(figures))
}

async function timed<Result>(
  figure: Figure,
  subtractedMs: number,
  act: () => Promise<Result>,
): Promise<Result> {
  const started = performance.now()
  const result = await act()
  note(figure, performance.now() - started - subtractedMs)
  return result
}

function startHealthy(figure: Figure, directory: string): Promise<Server> {
  return timed(figure, 0, async () => {
    const server = await startServer({
      DATA_DIR: directory,
      PORT: '0',
      EMULATOR_PORT: '0',
      EMULATOR_BOOT_MS: String(BOOT_MS),
      // As `npm start` does: `startServer` sets a compile cache for the tests.
      NODE_DISABLE_COMPILE_CACHE: '1',
    })
    const response = await fetch(`${server.url}/healthz`)
    if (!response.ok) throw new Error(`/healthz answered ${response.status}: ${await response.text()}`)
    return server
  })
}

/** Posts, polls until the workspace is ready, and returns its id. */
async function post(server: Server, path: string, body?: unknown): Promise<string> {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const { id } = (await response.json()) as { id: string }
  for (;;) {
    const { status, reason } = (await (await fetch(`${server.url}/workspaces/${id}`)).json()) as {
      status: string
      reason: unknown
    }
    if (status === 'ready') return id
    if (status !== 'provisioning') throw new Error(`the workspace is ${status}: ${JSON.stringify(reason)}`)
    await delay(20)
  }
}
