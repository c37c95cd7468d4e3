// The whole product: the control plane in the place that is tested (place.ts), the emulated Fly with its machines in this
// process, and a clock that can be moved. Tests knock on its doors and look at what a caller or Fly could see.
import { createEmulator, type EmulatorOptions } from '../../lib/emulator/emulator.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import type { SweepOptions } from '../../lib/control-plane/sweep.ts'
import { openNodePlace } from './node-place.ts'
import { IN_WORKERD } from './place-name.ts'
import { QUICK } from './quick-timings.ts'
import { openWorkerdPlace } from './workerd-place.ts'

export const PLATFORM = 'http://platform.test'
const FLY = 'http://fly.test'
const PROXY = 'http://fly-proxy.test'
/** Fly from inside its private network (FLY_ENDPOINT=internal). */
const FLY_INTERNAL = 'http://_api.internal:4280'

export type HarnessOptions = {
  env?: Record<string, string>
  /** Programs by image, before the sample agent that every runtime's image runs. */
  programs?: Record<string, Program>
  emulator?: Partial<EmulatorOptions>
  loopback?: boolean
  launchRate?: { perSecond: number; burst: number }
  /** Hosts of others, by their origin. */
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
  /** Bodies of those to Fly's API alone: those to agents are streams. */
  const outgoing: { url: string; method: string; headers: Headers; body: string }[] = []
  let offset = 0
  const now = () => new Date(Date.now() + offset)

  const host = createInProcessHost({
    programs: { ...options.programs, 'ghcr.io/molecule-ai/workspace-*': sampleAgent },
    fetch: (input, init) => outside(input, init),
  })
  const emulator = await createEmulator({
    host,
    timings: QUICK,
    rateLimits: false,
    defaultApp: 'test-app',
    now: () => now().getTime(),
    ...options.emulator,
  })
  emulator.createApp('test-app', { ips: true })

  // The only network there is: a host that is not listed does not exist.
  const outside: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const { origin } = new URL(request.url)
    const body = origin === FLY ? await request.clone().text() : ''
    outgoing.push({ url: request.url, method: request.method, headers: new Headers(request.headers), body })
    if (origin === FLY || origin === FLY_INTERNAL) return emulator.api.fetch(request)
    if (origin.endsWith('.flycast')) return emulator.proxy(request)
    if (origin === PROXY)
      return emulator.proxy(new Request(request.url.replace(PROXY, 'http://127.0.0.1'), request))
    if (origin === PLATFORM) return place.fetch(request)
    const host = options.hosts?.[origin]
    if (host !== undefined) return host(request)
    throw new TypeError('fetch failed', {
      cause: Object.assign(new Error(`no such host: ${origin}`), { code: 'ENOTFOUND' }),
    })
  }

  const open = IN_WORKERD ? openWorkerdPlace : openNodePlace
  const place = await open({
    env: {
      CONTAINER_BACKEND: 'flyio',
      FLY_API_TOKEN: 'test-token',
      FLY_WORKSPACE_APP: 'test-app',
      FLY_FLAPS_BASE_URL: FLY,
      FLY_PROXY_BASE_URL: PROXY,
      PUBLIC_URL: PLATFORM,
      ...options.env,
    },
    loopback: options.loopback ?? true,
    // Unpaced, except where the pace is what is tested.
    launchRate: options.launchRate ?? { perSecond: 1_000, burst: 1_000 },
    offset: () => offset,
    outside,
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
    return place.fetch(
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

  /** What only a control plane in this process has. */
  function inside() {
    if (place.inside === undefined) throw new Error('use testInside: this reaches into the process')
    return place.inside
  }

  return {
    get app() {
      return inside().app
    },
    get services() {
      return inside().services
    },
    db: place.db,
    deliver: () => place.deliver(),
    keepHouse: () => place.keepHouse(),
    flush: () => place.flush(),
    setLongBackground: (on: boolean) => place.setLongBackground(on),
    logs: () => place.logs(),
    settled: () => place.settled(),
    emulator,
    outgoing,
    request,
    fetchRaw,
    now,
    /** Moves the control plane's and Fly's clock; timers are not moved. */
    advance(ms: number) {
      offset += ms
      place.ticked?.()
    },
    sweep: (sweepOptions?: SweepOptions) => place.sweep({ patienceMs: 0, ...sweepOptions }),
    /** Machines that exist at Fly and cost money. */
    livingMachines: () => emulator.machines().filter((machine) => machine.state !== 'destroyed'),
    /** A call to Fly's API as an operator with flyctl would make it. */
    fly,
    /** The workspace's machine as Fly shows it; there must be exactly one. */
    async machineOf(workspaceId: string): Promise<FlyMachine> {
      const machines = await fly<FlyMachine[]>('GET', `?metadata.workspace_id=${workspaceId}`)
      if (machines.length !== 1 || machines[0] === undefined) throw new Error(`${machines.length} machines`)
      return machines[0]
    },
    /** The token that a workspace's machine was made with last, as only those see it who may read the app's secrets. */
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
    /** Creates a workspace and waits until it rests. */
    async createWorkspace(input: Json = {}): Promise<Json & { id: string }> {
      const { status, body } = await request<Json & { id: string }>('/workspaces', {
        method: 'POST',
        headers: { prefer: 'wait=20' },
        json: { name: 'test', runtime: 'hermes', tier: 2, ...input },
      })
      if (status !== 201) throw new Error(`create answered ${status}: ${JSON.stringify(body)}`)
      return body
    },
    async close() {
      await emulator.close()
      await place.close()
    },
  }
}

const isJson = ({ headers }: Response) => !headers.get('content-type')?.startsWith('text/')

/** The body of the tutorial's seventh step. */
export const askRegion = (id: unknown = '1') => ({
  jsonrpc: '2.0',
  id,
  method: 'message/send',
  params: { message: { role: 'user', parts: [{ kind: 'text', text: 'What region are you running in?' }] } },
})
