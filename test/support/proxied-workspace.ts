// The real server as a process of its own, with everything on, and one ready workspace whose machine is an agent of the
// caller's: the Fly Proxy's address is the agent's. For programs that measure what lies between a client and an agent.
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { createEmulator } from '../../lib/emulator/emulator.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { freePorts } from './ports.ts'
import { serverProgram } from './server-program.ts'
import { spawnNode } from './server.ts'

const APP = 'bench'
const TOKEN = 'bench'
const ADMIN_TOKEN = 'an-operator-who-measures'

const START_MS = 30_000

export type ProxiedOptions = {
  /** A Postgres that has our tables; without it the embedded database. */
  databaseUrl?: string
  /** For Node itself. */
  nodeOption?: string
  /** Further settings of the server. */
  settings?: Record<string, string>
}

export type ProxiedWorkspace = {
  url: string
  port: number
  /** Where A2A messages to the agent go, below the server's root. */
  path: string
  headers: Record<string, string>
  pid: number
  stop(): Promise<void>
}

/** @param agentUrl answers a GET of its card with JSON, whatever the headers say about machines */
export async function startProxiedWorkspace(
  agentUrl: string,
  options: ProxiedOptions = {},
): Promise<ProxiedWorkspace> {
  const fly = await startMachinesApi()
  const directory = mkdtempSync(join(tmpdir(), 'workspaces-proxied-'))
  const [port = 0] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const { child, printed, exited } = spawnNode(await serverProgram(), {
    ...proxiedSettings(fly.url, agentUrl),
    PORT: String(port),
    PUBLIC_URL: url,
    DATA_DIR: directory,
    ...(options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl }),
    ...(options.nodeOption === undefined ? {} : { NODE_OPTIONS: options.nodeOption }),
    ...options.settings,
  })
  // Its data goes with it, so there is nothing to put in order first.
  const kill = () => child.kill('SIGKILL')
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  const cutOff = () => [kill(), remove()]
  process.once('exit', cutOff)
  async function stop(): Promise<void> {
    process.off('exit', cutOff)
    kill()
    await exited
    await fly.close()
    remove()
  }

  let over = false
  void exited.then(() => (over = true))
  try {
    await untilListening(url, () => over)
    const id = await createReadyWorkspace(url)
    return { url, port, path: `/workspaces/${id}/a2a`, headers: PROXIED_HEADERS, pid: child.pid ?? 0, stop }
  } catch (error) {
    await stop()
    throw new Error(`the server gave no ready workspace:\n${printed.stderr}`, { cause: error })
  }
}

/** The settings of a control plane whose machines are at `agentUrl`. */
export const proxiedSettings = (flyUrl: string, agentUrl: string): Record<string, string> => ({
  CONTAINER_BACKEND: 'flyio',
  FLY_API_TOKEN: TOKEN,
  FLY_WORKSPACE_APP: APP,
  FLY_FLAPS_BASE_URL: flyUrl,
  FLY_API_BASE_URL: flyUrl,
  FLY_PROXY_BASE_URL: agentUrl,
  ADMIN_TOKEN,
  // Limits are on, as they always are, and too high to be met.
  A2A_MAX_IN_FLIGHT: '100000',
  A2A_MAX_BYTES_IN_FLIGHT: '1000000000',
  A2A_RATE_PER_MINUTE: '1000000000',
  LOG_LEVEL: 'error',
})

export const PROXIED_HEADERS = { authorization: `Bearer ${ADMIN_TOKEN}` }

/** The emulated Machines API alone; its machines listen, and nobody ever speaks to them. */
export async function startMachinesApi(): Promise<{ url: string; close(): Promise<void> }> {
  const listens: Program = async (machine) => {
    await machine.listen(8000, () => new Response())
    await new Promise((resolve) => machine.stopping.addEventListener('abort', resolve, { once: true }))
    return 0
  }
  const emulator = await createEmulator({
    host: createInProcessHost({ programs: { 'ghcr.io/molecule-ai/workspace-*': listens } }),
    timings: { placeMs: 2, pullMs: 5, bootMs: 5 },
    tokens: [TOKEN],
    defaultApp: APP,
  })
  emulator.createApp(APP, { ips: true })
  const server = serve({ fetch: emulator.api.fetch, hostname: '127.0.0.1', port: 0 })
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      if ('closeAllConnections' in server) server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await emulator.close()
    },
  }
}

async function untilListening(url: string, isOver: () => boolean): Promise<void> {
  const deadline = performance.now() + START_MS
  while (!isOver() && performance.now() < deadline) {
    // Its port opens first; the answer then waits until the rest is there.
    const response = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(START_MS) }).catch(() => {})
    if (response?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(isOver() ? 'it ended' : 'it did not listen in time')
}

/** @returns its id */
export async function createReadyWorkspace(url: string): Promise<string> {
  const response = await fetch(`${url}/workspaces`, {
    method: 'POST',
    headers: { ...PROXIED_HEADERS, 'content-type': 'application/json', prefer: 'wait=30' },
    body: JSON.stringify({ name: 'measured', runtime: 'hermes' }),
    signal: AbortSignal.timeout(2 * START_MS),
  })
  const text = await response.text()
  const { id, status } = JSON.parse(text) as { id?: string; status?: string }
  if (id === undefined || status !== 'ready') throw new Error(`create answered ${response.status}: ${text}`)
  return id
}
