// `npm run bench:boot`: the start time of the embedded server, and the time of a workspace to become ready beyond the boot of
// its emulated machine. Measured from outside, over HTTP.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Server, startServer } from '../../test/support/server.ts'

const RUNS = Number(process.env['RUNS'] || 5)
const BOOT_MS = Number(process.env['EMULATOR_BOOT_MS'] || 1000)

const measured: Record<string, number[]> = {
  'first start → 200 on /healthz': [],
  'second start → 200 on /healthz': [],
  'create → ready, beyond the boot': [],
  'restart → ready, beyond the boot': [],
}
const [FIRST = '', SECOND = '', CREATE = '', RESTART = ''] = Object.keys(measured)

process.once('SIGINT', () => process.exit(1))
for (let run = 1; run <= RUNS; run++) {
  process.stderr.write(`run ${run} of ${RUNS}\n`)
  const directory = mkdtempSync(join(tmpdir(), 'workspaces-bench-'))
  try {
    await (await startHealthy(FIRST, directory)).end('SIGTERM')
    const server = await startHealthy(SECOND, directory)
    const id = await timed(CREATE, BOOT_MS, () =>
      post(server, '/workspaces', { name: 'bench', runtime: 'hermes' }),
    )
    await timed(RESTART, BOOT_MS, () => post(server, `/workspaces/${id}/restart`))
    await server.end('SIGTERM')
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

console.log(
  `milliseconds over ${RUNS} runs; the emulated machine boots in ${BOOT_MS} ms, which is subtracted\n`,
)
console.log(`${''.padEnd(34)}${['median', 'min', 'max'].map((name) => name.padStart(8)).join('')}`)
for (const [name, values] of Object.entries(measured)) {
  const sorted = values.toSorted((a, b) => a - b)
  const shown = [sorted[Math.floor(sorted.length / 2)], sorted[0], sorted.at(-1)]
  console.log(
    `${name.padEnd(34)}${shown
      .map((ms) =>
        Math.round(ms ?? NaN)
          .toString()
          .padStart(8),
      )
      .join('')}`,
  )
}

async function timed<Result>(
  name: string,
  subtractedMs: number,
  act: () => Promise<Result>,
): Promise<Result> {
  const started = performance.now()
  const result = await act()
  measured[name]?.push(performance.now() - started - subtractedMs)
  return result
}

function startHealthy(name: string, directory: string): Promise<Server> {
  return timed(name, 0, async () => {
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
