// The control plane and the emulated Fly of a simulated day: in this process, with a clock that the simulation
// moves, and agents that are at work until a time of that clock.
import { createApp } from '../../../functions/app.ts'
import type { OpenDatabase } from '../../../drizzle/database.ts'
import { parseConfig } from '../../../lib/config/config.ts'
import { createServices } from '../../../lib/control-plane/create-services.ts'
import { LONG_LIVED } from '../../../lib/control-plane/long-lived.ts'
import { runDeliveries } from '../../../lib/control-plane/deliveries.ts'
import { sweep } from '../../../lib/control-plane/sweep.ts'
import { createEmulator } from '../../../lib/emulator/emulator.ts'
import type { Program } from '../../../lib/emulator/guests/host.ts'
import { createInProcessHost } from '../../../lib/emulator/guests/in-process-host.ts'
import { after, sleep } from '../../../lib/platform/sleep.ts'
import { TIMINGS } from '../../../test/support/quick-timings.ts'

const FLY = 'http://fly.day'
const PROXY = 'http://proxy.day'
const APP = 'day'

/** What an agent knows of itself. */
export type Agent = { token: string; workUntil: number; usedAt: number }

export type World = Awaited<ReturnType<typeof openWorld>>

export async function openWorld(database: OpenDatabase) {
  let offset = 0
  const clock = () => Date.now() + offset
  const agents = new Map<string, Agent>()
  /** How often each message arrived, by its id. */
  const arrivals = new Map<string, number>()
  const background = new Set<Promise<unknown>>()
  const stop = new AbortController()

  const agent: Program = async (machine) => {
    const workspace = machine.env['WORKSPACE_ID'] ?? ''
    const self = { token: machine.env['MOLECULE_WORKSPACE_TOKEN'] ?? '', workUntil: 0, usedAt: clock() }
    agents.set(workspace, self)
    await machine.listen(8000, async (request) => {
      if (request.method === 'GET') return Response.json({ name: workspace })
      const { id, params } = (await request.json()) as {
        id: unknown
        params: { message: { messageId: string; parts: { text: string }[] } }
      }
      const { messageId, parts } = params.message
      arrivals.set(messageId, (arrivals.get(messageId) ?? 0) + 1)
      self.usedAt = clock()
      const [, ms = '0'] = /^work (\d+)$/.exec(parts[0]?.text ?? '') ?? []
      if (Number(ms) > 0) self.workUntil = Math.max(self.workUntil, clock() + Number(ms))
      return Response.json({ jsonrpc: '2.0', id, result: 'done' })
    })
    return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
  }

  const network: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const { origin } = new URL(request.url)
    if (origin === FLY) return emulator.api.fetch(request)
    if (origin === PROXY)
      return emulator.proxy(new Request(request.url.replace(PROXY, 'http://127.0.0.1'), request))
    throw new TypeError('fetch failed', { cause: new Error(`no such host: ${origin}`) })
  }
  const emulator = await createEmulator({
    host: createInProcessHost({ programs: { 'ghcr.io/molecule-ai/*': agent }, fetch: network }),
    timings: TIMINGS,
    rateLimits: false,
    defaultApp: APP,
    now: clock,
  })
  emulator.createApp(APP, { ips: true })

  const config = parseConfig({
    CONTAINER_BACKEND: 'flyio',
    FLY_API_TOKEN: 'day',
    FLY_WORKSPACE_APP: APP,
    FLY_FLAPS_BASE_URL: FLY,
    FLY_PROXY_BASE_URL: PROXY,
    PUBLIC_URL: 'http://control.day',
    SECRETS_DELIVERY: 'env',
    WORKSPACE_DISK_GB: '0',
    CREATE_RATE_PER_HOUR: '0',
    API_RATE_PER_MINUTE: '0',
    A2A_RATE_PER_MINUTE: '0',
    // Agents report the begin and the end of their work only: one that is silent is well.
    AGENT_SILENCE_SECONDS: '604800',
  })
  const created = createServices({ ...config, backend: 'emulator' }, database, {
    fetch: network,
    longLived: LONG_LIVED,
    stopping: stop.signal,
    log: () => {},
    now: () => new Date(clock()),
    // Between the steps of the simulation the clock runs as fast as real time.
    after: (ms, work) => after(ms / 20, work),
  })
  const services = {
    ...created,
    provisioner: { ...created.provisioner, launchRate: { perSecond: 10_000, burst: 10_000 } },
  }
  const app = createApp(services, { loopback: true })
  const context = {
    waitUntil(promise: Promise<unknown>) {
      const task = promise.catch(() => {}).finally(() => background.delete(task))
      background.add(task)
    },
    passThroughOnException() {},
    props: {},
  }

  return {
    agents,
    arrivals,
    now: clock,
    advance: (ms: number) => void (offset += ms),
    machines: () => emulator.machines(),
    /** Whether a request to the workspace's agent is in flight. */
    isBusy: (id: string) => services.limits.busyWorkspaces().includes(id),
    sweep: () => sweep(services, { patienceMs: 0, limit: 500 }),
    deliver: () => runDeliveries(services),
    /** Waits for work that answers left running, but not for work that waits for a later time. */
    async untilIdle() {
      if (background.size > 0) await Promise.race([Promise.allSettled(background), sleep(50)])
    },
    async request(method: string, path: string, json?: unknown, headers: Record<string, string> = {}) {
      const response = await app.fetch(
        new Request(`http://localhost:8080${path}`, {
          method,
          headers: { 'content-type': 'application/json', ...headers },
          ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        }),
        {},
        context,
      )
      const text = await response.text()
      return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as unknown }
    },
    /** A machine suspends itself, as it can by its own API (docs/facts/fly.md §12.4). */
    suspend: (machineId: string) =>
      emulator.api.fetch(
        new Request(`${FLY}/v1/apps/${APP}/machines/${machineId}/suspend`, {
          method: 'POST',
          headers: { authorization: 'Bearer day' },
        }),
      ),
    async close() {
      stop.abort()
      await emulator.close()
      await Promise.allSettled(background)
      await database.close()
    },
  }
}
