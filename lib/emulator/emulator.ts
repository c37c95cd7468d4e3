// An emulated Fly: its Machines API and its Fly Proxy are two fetch functions. Code that works against it should work
// on Fly, and flyctl works against it too. The README lists what is emulated.

import { createApi } from './api/api.ts'
import { createOwnApi } from './api/own-api.ts'
import { startAutostop } from './proxy/autostop.ts'
import { createCloud } from './apps/cloud.ts'
import { allocateIp } from './apps/ip-addresses.ts'
import { createFaults } from './faults/faults.ts'
import type { Faults } from './faults/faults.ts'
import { createFlyProxy } from './proxy/fly-proxy.ts'
import type { Host } from './guests/host.ts'
import { createJournal } from './store/journal.ts'
import { ALL_REGIONS } from './apps/regions.ts'
import { snapshotOf } from './machines/snapshot.ts'
import type { MachineSnapshot } from './machines/snapshot.ts'
import { createMemoryStore } from './store/memory-store.ts'
import type { EmulatorStore } from './store/memory-store.ts'
import { DEFAULT_TIMINGS } from './shared/timings.ts'
import type { Timings } from './shared/timings.ts'
import { createRuntime } from './machines/runtime.ts'
import { DEFAULT_HOST_CAPACITY } from './volumes/hosts.ts'
import type { HostCapacity } from './volumes/hosts.ts'
import { viewOf } from './volumes/volume-view.ts'
import type { VolumeView } from './volumes/volume-view.ts'

export type EmulatorOptions = {
  /** Runs the guests. The emulator closes it when it closes. */
  host: Host
  /** Default: memory, which is lost with the process. */
  store?: EmulatorStore
  /** The organization's slug, default `personal`. */
  organization?: string
  /** Accepted tokens. Default: any token that is not empty. */
  tokens?: string[]
  /** Fly's rate limits (docs/facts/fly.md §6), default on. The fault `rate-limits` switches them at run time. */
  rateLimits?: boolean
  timings?: Partial<Timings>
  /** The offered regions, the nearest first. Default: all of Fly's. */
  regions?: string[]
  /** The app for requests to the Fly Proxy on a loopback address, which has no app name. */
  defaultApp?: string
  /** App names of other organizations: 422 at create, 403 at get. */
  foreignApps?: string[]
  /** Hosts of each region, and the memory and disk space of one. The default refuses nothing. */
  hosts?: HostCapacity
  /** For faults with a probability. The same seed affects the same calls. */
  seed?: number
  /** Milliseconds since 1970. Timers use real time regardless. */
  now?: () => number
  log?: (line: string) => void
}

export type Emulator = {
  /**
   * The Machines API (`/v1/*`), `POST /graphql`, `/api/v1/*` for flyctl, and `/_emulator/*`.
   * Rejects with ConnectionLost when a fault loses the reply; see `withLostConnections` for a Node server.
   */
  api: { fetch: (request: Request) => Promise<Response> }
  /**
   * The Fly Proxy: `https://<app>.fly.dev/…`, `http://<app>.localhost:1234/…`, or the default app on a loopback address.
   * Rejects with ConnectionLost for an unknown app, or an app without an IP address.
   */
  proxy: (request: Request) => Promise<Response>
  faults: Faults
  /** All machines, oldest first, with destroyed ones. */
  machines: () => MachineSnapshot[]
  /** All volumes, with destroyed ones. */
  volumes: () => VolumeView[]
  /** Creates an app unless it exists; with `ips` it has a shared_v4 and a v6 address. */
  createApp: (name: string, options?: { network?: string; ips?: boolean }) => void
  /** Kills all guests. On the next start from the same store, machines that ran are booted again. */
  close: () => Promise<void>
}

export async function createEmulator(options: EmulatorOptions): Promise<Emulator> {
  const now = options.now ?? Date.now
  const store = options.store ?? createMemoryStore()
  const journal = createJournal(store)
  /** With which machines call their own API. */
  const machineToken = crypto.randomUUID()
  const faults = createFaults({
    now,
    seed: options.seed ?? 1,
    hostOf: (id) =>
      cloud.volumes.all().find((volume) => volume.id === id)?.host ??
      cloud.allMachines().find(({ record }) => record.id === id || record.name === id)?.record.host,
    actOn(idOrName, act) {
      const runner = cloud
        .allMachines()
        .find(
          ({ record, state }) => state === 'started' && (record.id === idOrName || record.name === idOrName),
        )
      if (act === 'out-of-memory') runner?.outOfMemory()
      else runner?.stop('flyd')
      return runner !== undefined
    },
  })
  const runtime = createRuntime({
    now,
    timings: { ...DEFAULT_TIMINGS, ...options.timings },
    host: options.host,
    faults,
    journal,
    organization: options.organization ?? 'personal',
    regions: options.regions ?? ['iad', ...ALL_REGIONS.filter((code) => code !== 'iad')],
    rateLimits: options.rateLimits ?? true,
    log: options.log ?? (() => undefined),
    ownApi: createOwnApi(async (request) => api.fetch(request), machineToken),
  })
  const cloud = createCloud(
    runtime,
    await store.load(),
    options.foreignApps ?? [],
    options.hosts ?? DEFAULT_HOST_CAPACITY,
  )
  const api = createApi(cloud, faults, options.tokens && [...options.tokens, machineToken])
  const proxy = createFlyProxy(cloud, options.defaultApp)
  startAutostop(cloud)
  cloud.recover().catch((error: unknown) => runtime.log(`recovery failed: ${String(error)}`))

  return {
    api: { fetch: async (request) => api.fetch(request) },
    proxy,
    faults,
    machines: () => cloud.allMachines().map(snapshotOf),
    volumes: () => cloud.volumes.all().map(viewOf),
    createApp(name, { network, ips } = {}) {
      const app = cloud.findApp(name) ?? cloud.createApp(name, network)
      if (ips !== true) return
      for (const type of ['shared_v4', 'v6']) {
        if (!app.ips.some((ip) => ip.type === type)) allocateIp(cloud, app, { type })
      }
    },
    async close() {
      runtime.close()
      for (const runner of cloud.allMachines()) runner.abandon()
      await options.host.close()
      await journal.flush()
    },
  }
}
