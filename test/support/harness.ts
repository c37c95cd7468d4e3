// The whole product for one test file: the control plane on the tested target (control-plane.ts), the emulated Fly with its
// machines in this process, and a clock that can be moved. Tests send requests and read what a caller or Fly could see.
import { setTimeout as delay } from 'node:timers/promises'
import { isNotNull, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { rollouts, workspaces } from '../../drizzle/schema/index.ts'
import type { SweepOptions } from '../../lib/control-plane/sweep.ts'
import { createEmulator, type EmulatorOptions } from '../../lib/emulator/emulator.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { createMachineDirectories } from './machine-directories.ts'
import { TIMINGS } from './quick-timings.ts'
import { IN_WORKERD } from './test-target.ts'

const PLATFORM = 'http://platform.test'
const FLY = 'http://fly.test'
const PROXY = 'http://fly-proxy.test'
/** Fly's API on its private network (FLY_ENDPOINT=internal). */
const FLY_INTERNAL = 'http://_api.internal:4280'

/** The other target is not loaded: the packages that run workerd need a second of processor time. */
const startOfTarget = async () =>
  IN_WORKERD
    ? (await import('./workerd-control-plane.ts')).startWorkerdControlPlane
    : (await import('./node-control-plane.ts')).startNodeControlPlane

/** How long a pass may need to end after its workspace is ready. Some tests leave other work running for ever. */
const PASS_END_MS = 1_000

export type HarnessOptions = {
  env?: Record<string, string>
  /** Programs by image. They take precedence over the sample agent, which every runtime's image runs. */
  programs?: Record<string, Program>
  emulator?: Partial<EmulatorOptions>
  loopback?: boolean
  launchRate?: { perSecond: number; burst: number }
  /** Other hosts on the network, by origin. */
  hosts?: Record<string, (request: Request) => Response | Promise<Response>>
}

export type Json = Record<string, unknown>
export type Answer<Body = Json> = { status: number; headers: Headers; body: Body }

export type FlyMachine = {
  id: string
  name: string
  state: string
  region: string
  config: {
    image: string
    env: Record<string, string>
    guest: Json
    files: { guest_path: string; raw_value?: string; secret_name?: string }[]
    metadata: Record<string, string>
    services: Json[]
    checks: Json
    restart: Json
    stop_config: Json
  }
}

export type Harness = Awaited<ReturnType<typeof createHarness>>

export async function createHarness(options: HarnessOptions = {}) {
  /** Every request that the control plane sent. Only requests to Fly's API have their body here; the others are streams. */
  const outgoing: { url: string; method: string; headers: Headers; body: string }[] = []
  let offset = 0
  /** The offset to which leases have ended. */
  let leasesEndedTo = 0
  const now = () => new Date(Date.now() + offset)

  const directories = createMachineDirectories()
  const host = createInProcessHost({
    exec: directories.exec,
    programs: { ...options.programs, 'ghcr.io/molecule-ai/workspace-*': sampleAgent },
    fetch: (input, init) => network(input, init),
  })
  const emulator = await createEmulator({
    host,
    timings: TIMINGS,
    rateLimits: false,
    defaultApp: 'test-app',
    now: () => now().getTime(),
    ...options.emulator,
  })
  emulator.createApp('test-app', { ips: true })

  // The network of this test: a host that is not listed does not exist.
  const network: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const { origin } = new URL(request.url)
    const body = origin === FLY ? await request.clone().text() : ''
    outgoing.push({ url: request.url, method: request.method, headers: new Headers(request.headers), body })
    if (origin === FLY || origin === FLY_INTERNAL) return emulator.api.fetch(request)
    if (origin.endsWith('.flycast')) return emulator.proxy(request)
    if (origin === PROXY) {
      const passed = new Request(request.url.replace(PROXY, 'http://127.0.0.1'), request)
      // The signal of the caller itself: that of `request` is silent once `request` is collected as garbage.
      return emulator.proxy(init?.signal ? new Request(passed, { signal: init.signal }) : passed)
    }
    if (origin === PLATFORM) return controlPlane.fetch(request)
    const host = options.hosts?.[origin]
    if (host !== undefined) return host(request)
    throw new TypeError('fetch failed', {
      cause: Object.assign(new Error(`no such host: ${origin}`), { code: 'ENOTFOUND' }),
    })
  }

  const start = await startOfTarget()
  const controlPlane = await start({
    env: {
      CONTAINER_BACKEND: 'flyio',
      FLY_API_TOKEN: 'test-token',
      FLY_WORKSPACE_APP: 'test-app',
      FLY_FLAPS_BASE_URL: FLY,
      FLY_API_BASE_URL: FLY,
      FLY_PROXY_BASE_URL: PROXY,
      PUBLIC_URL: PLATFORM,
      ...options.env,
    },
    loopback: options.loopback ?? true,
    // No limit unless the test is about the launch rate.
    launchRate: options.launchRate ?? { perSecond: 1_000, burst: 1_000 },
    offset: () => offset,
    network,
  })

  async function request<Body = Json>(
    path: string,
    init: RequestInit & { json?: unknown } = {},
  ): Promise<Answer<Body>> {
    const response = await fetchRaw(path, init)
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? undefined : isJson(response) ? JSON.parse(text) : text) as Body,
    }
  }

  async function fetchRaw(path: string, init: RequestInit & { json?: unknown } = {}): Promise<Response> {
    const { json, ...rest } = init
    const headers = new Headers(rest.headers)
    if (json !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
    const body = json === undefined ? rest.body : JSON.stringify(json)
    return controlPlane.fetch(
      new Request(new URL(path, 'http://localhost:8080'), {
        ...rest,
        headers,
        ...(body == null ? {} : { body, duplex: 'half' }),
      }),
    )
  }

  async function fly<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const response = await emulator.api.fetch(
      new Request(`${FLY}/v1/apps/test-app/machines${path}`, {
        method,
        headers: { authorization: 'Bearer operator', 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
    return (await response.json()) as Body
  }

  /** Leases and marks end by the clock of the database, which no test moves: their ends are moved instead. */
  async function endLeases(ms: number): Promise<void> {
    if (ms <= 0) return
    const earlier = (end: PgColumn) => sql`${end} - ${`${ms} milliseconds`}::interval`
    const { db } = controlPlane
    const { busyUntil } = workspaces
    await db
      .update(workspaces)
      .set({ busyUntil: earlier(busyUntil) })
      .where(isNotNull(busyUntil))
    for (const table of [workspaces, rollouts]) {
      const { leasedUntil } = table
      await db
        .update(table)
        .set({ leasedUntil: earlier(leasedUntil) })
        .where(isNotNull(leasedUntil))
    }
  }

  /** The internals of a control plane that runs in this process. */
  function inProcess() {
    if (controlPlane.inProcess === undefined)
      throw new Error('use testInProcess: this needs the control plane in this process')
    return controlPlane.inProcess
  }

  return {
    get app() {
      return inProcess().app
    },
    get services() {
      return inProcess().services
    },
    db: controlPlane.db,
    deliver: () => controlPlane.deliver(),
    runRetention: () => controlPlane.runRetention(),
    flushActivity: () => controlPlane.flushActivity(),
    setCanRunInBackground: (on: boolean) => controlPlane.setCanRunInBackground(on),
    logs: () => controlPlane.logs(),
    /** Waits for all work that responses left running. */
    untilIdle: () => controlPlane.untilIdle(),
    emulator,
    outgoing,
    request,
    fetchRaw,
    now,
    /** Moves the clocks of the control plane and Fly. Timers that already run are not affected. */
    advance(ms: number) {
      offset += ms
      controlPlane.clockMoved?.()
    },
    async sweep(sweepOptions?: SweepOptions) {
      await endLeases(offset - leasesEndedTo)
      leasesEndedTo = offset
      return controlPlane.sweep({ patienceMs: 0, ...sweepOptions })
    },
    /** Machines that exist at Fly and cost money. */
    livingMachines: () => emulator.machines().filter((machine) => machine.state !== 'destroyed'),
    /** The directory of a machine in which a command was run. */
    rootOf: (machineId: string) => directories.rootOf(machineId),
    /** Calls Fly's API as an operator with flyctl would. */
    fly,
    /** The workspace's machine as Fly shows it. @throws Error unless there is exactly one */
    async machineOf(workspaceId: string): Promise<FlyMachine> {
      const machines = await fly<FlyMachine[]>('GET', `?metadata.workspace_id=${workspaceId}`)
      if (machines.length !== 1 || machines[0] === undefined) throw new Error(`${machines.length} machines`)
      return machines[0]
    },
    /** The token that the workspace's machine was last given, read from the secrets of the Fly app. */
    async tokenOf(workspaceId: string): Promise<string> {
      const response = await emulator.api.fetch(
        new Request(`${FLY}/v1/apps/test-app/secrets?show_secrets=true`, {
          headers: { authorization: 'Bearer operator' },
        }),
      )
      const { secrets } = (await response.json()) as { secrets: { name: string; value: string }[] }
      const id = workspaceId.replaceAll('-', '').toUpperCase()
      const name = new RegExp(`_${id}_\\d+_E_MOLECULE_WORKSPACE_TOKEN$`)
      return secrets.findLast((secret) => name.test(secret.name))?.value ?? ''
    },
    /** Creates a workspace and waits until it is ready or has failed. */
    async createWorkspace(input: Json = {}): Promise<Json & { id: string }> {
      const { status, body } = await request<Json & { id: string }>('/workspaces', {
        method: 'POST',
        headers: { prefer: 'wait=20' },
        json: { name: 'test', runtime: 'hermes', tier: 2, ...input },
      })
      if (status !== 201) throw new Error(`create answered ${status}: ${JSON.stringify(body)}`)
      // The pass that made it ready still sets the time of the next one, which a clock moved meanwhile would make too late.
      await Promise.race([controlPlane.untilIdle(), delay(PASS_END_MS, undefined, { ref: false })])
      return body
    },
    async close() {
      await emulator.close()
      directories.close()
      await controlPlane.close()
    },
  }
}

const isJson = ({ headers }: Response) => !headers.get('content-type')?.startsWith('text/')

/** The request body of the tutorial's seventh step. */
export const askRegion = (id: unknown = '1') => ({
  jsonrpc: '2.0',
  id,
  method: 'message/send',
  params: { message: { role: 'user', parts: [{ kind: 'text', text: 'What region are you running in?' }] } },
})
