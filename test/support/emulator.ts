// A fast emulated Fly for the emulator's own tests: small programs, short timings, and short functions for requests.

import { onTestFinished } from 'vitest'
import { createEmulator } from '../../lib/emulator/emulator.ts'
import type { Emulator, EmulatorOptions } from '../../lib/emulator/emulator.ts'
import type { GuestMachine, Program } from '../../lib/emulator/guests/host.ts'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { TIMINGS } from './quick-timings.ts'

export type Json = Record<string, any> // oxlint-disable-line typescript/no-explicit-any

const untilStopped = (machine: GuestMachine): Promise<number> =>
  new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))

/** Requests that arrived at any `web` guest, newest last. */
export const seen: { machine: string; request: Request }[] = []

export const PROGRAMS: Record<string, Program> = {
  /** Answers on 8080 with its machine id; `/stream` sends ticks until cut; `/hang` never answers. */
  'web*': async (machine) => {
    await machine.listen(8080, async (request) => {
      seen.push({ machine: machine.env.FLY_MACHINE_ID ?? '', request })
      const { pathname, searchParams } = new URL(request.url)
      if (pathname === '/hang') return new Promise<Response>(() => undefined)
      if (pathname === '/bad') return new Response('bad', { status: 500 })
      if (pathname === '/throw') throw new Error('broken')
      if (pathname === '/env') return Response.json(machine.env)
      if (pathname === '/file') return new Response(machine.readFile('/etc/greeting'))
      const [path = '', text] = ['path', 'text'].map((name) => searchParams.get(name) ?? undefined)
      if (pathname === '/read') return new Response(machine.readFile(path) ?? 'nothing')
      if (pathname === '/write') {
        machine.writeFile(path, text ?? '')
        return new Response('written')
      }
      if (pathname === '/stream') return new Response(ticks())
      if (pathname === '/echo') return new Response(request.body)
      return new Response(machine.env.FLY_MACHINE_ID)
    })
    return untilStopped(machine)
  },
  /** Bound to loopback: runs, but nobody outside can reach it. */
  loopback: async (machine) => {
    await machine.listen(8080, () => new Response('unreachable'), '127.0.0.1')
    return untilStopped(machine)
  },
  /** Ends with the exit code in EXIT_CODE, a moment after boot. */
  exits: async (machine) => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    return Number(machine.env.EXIT_CODE ?? 0)
  },
  /** Ignores every request to stop. */
  stubborn: () => new Promise<number>(() => undefined),
}

function ticks(): ReadableStream<Uint8Array> {
  let timer: ReturnType<typeof setInterval>
  return new ReadableStream({
    start(controller) {
      const tick = (): void => controller.enqueue(new TextEncoder().encode('tick\n'))
      tick()
      timer = setInterval(tick, 20)
    },
    cancel: () => clearInterval(timer),
  })
}

export const WEB_SERVICE = {
  protocol: 'tcp',
  internal_port: 8080,
  autostart: true,
  autostop: 'off',
  ports: [{ port: 443, handlers: ['tls', 'http'] }],
}

export type Fly = Awaited<ReturnType<typeof startFly>>

/** An emulator that is closed with the test, with an app `demo` that has addresses. */
export async function startFly(options: Partial<EmulatorOptions> = {}) {
  const emulator: Emulator = await createEmulator({
    host: createInProcessHost({ programs: PROGRAMS }),
    rateLimits: false,
    ...options,
    timings: { ...TIMINGS, proxyTimeoutMs: 300, ...options.timings },
  })
  onTestFinished(() => emulator.close())
  emulator.createApp('demo', { ips: true })

  const send = (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    emulator.api.fetch(
      new Request(`http://fly.test${path}`, {
        method,
        headers: { authorization: 'Bearer test', 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    )
  /** Sends, and gives the status and the decoded body; text where it is no JSON. */
  async function call(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
    const response = await send(method, path, body, headers)
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    return {
      status: response.status,
      body: (isJson ? JSON.parse(text) : text) as Json,
      headers: response.headers,
    }
  }
  const machines = '/v1/apps/demo/machines'
  const create = async (config: Json = {}, rest: Json = {}): Promise<Json> =>
    (await call('POST', machines, { ...rest, config: { image: 'web', ...config } })).body
  const wait = (id: string, state: string, timeout = 2) =>
    call('GET', `${machines}/${id}/wait?state=${state}&timeout=${timeout}`)
  /** A machine that is started. */
  async function started(config: Json = {}, rest: Json = {}): Promise<Json> {
    const machine = await create(config, rest)
    await wait(machine.id, 'started')
    return machine
  }
  const get = async (id: string): Promise<Json> => (await call('GET', `${machines}/${id}`)).body
  const events = async (id: string): Promise<Json[]> =>
    (await call('GET', `${machines}/${id}/events?limit=50`)).body as unknown as Json[]

  const volumes = '/v1/apps/demo/volumes'
  const volume = async (id: string): Promise<Json> => (await call('GET', `${volumes}/${id}`)).body
  /** A volume that is ready. */
  async function disk(rest: Json = {}): Promise<Json> {
    const made = (await call('POST', volumes, { name: 'data', region: 'iad', ...rest })).body
    await eventually(async () => (await volume(made.id)).state === 'created')
    return volume(made.id)
  }
  /** A machine that is started with the volume at /data. */
  const withDisk = (id: string, config: Json = {}, rest: Json = {}): Promise<Json> =>
    started(
      { services: [WEB_SERVICE], mounts: [{ volume: id, path: '/data' }], ...config },
      { region: 'iad', ...rest },
    )
  /** A request to a path of one `web` guest, through the proxy. */
  const ask = async (machine: string, path: string): Promise<string> => {
    const headers = { 'fly-force-instance-id': machine }
    return (await emulator.proxy(new Request(`https://demo.fly.dev${path}`, { headers }))).text()
  }

  return {
    emulator,
    send,
    call,
    machines,
    create,
    started,
    wait,
    get,
    events,
    volumes,
    volume,
    disk,
    withDisk,
    ask,
  }
}

/** Looks until `condition` holds; fails after two seconds. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 2000; Date.now() < end;) {
    if (await condition()) return
    await pause(5)
  }
  throw new Error('it never came true')
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
