// The Fly of a chaos run: the emulator behind real sockets, an operator's own access to its API, and a record of what arrived
// at agents and of which control plane changed which machine.
import { listen } from '../../functions/node/http-server.ts'
import { withLostConnections } from '../../lib/emulator/shared/connection-lost.ts'
import { createEmulator, type Emulator } from '../../lib/emulator/emulator.ts'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { createMemoryDisks, type MemoryDisks } from '../../lib/emulator/guests/memory-disks.ts'
import { CONTROL_PLANE_KEY } from '../../lib/provisioner/fly/labels.ts'
import { createAgent, crashingGuest, idleGuest, type Operate } from './agents/agents.ts'
import type { Violation } from './parts.ts'
import type { Chance } from './random.ts'
import type { Tenant } from './world.ts'

/** Image of machines that belong to others. */
export const FOREIGN_IMAGE = 'docker.io/example/foreign:1'

/** Digest of images whose program ends at once. */
export const CRASHING_DIGEST = `sha256:${'c'.repeat(64)}`

const HOST = { host: '127.0.0.1', port: 0, setting: 'PORT' }

/** The token by which a control plane calls the Machines API. */
export const flyTokenOf = ({ name }: Tenant) => `${name}-token`

/** The URL that the agents of a control plane call. */
export const homeOf = ({ name }: Tenant) => `http://${name}.chaos`

export type Cloud = {
  emulator: Emulator
  /** The data of all volumes. */
  disks: MemoryDisks
  apiUrl: string
  proxyUrl: string
  /** How often an agent received each message, by message id. */
  arrivals: Map<string, number>
  /** Control planes that use it; added when they start. */
  tenants: Tenant[]
  /** Changes of machines by a control plane that does not own them. */
  touched: Violation[]
  /** A call to the Machines API as a person with flyctl would make it. */
  operate: Operate
  close(): Promise<void>
}

export async function startCloud(options: {
  apps: readonly string[]
  seed: number
  speed: number
  /** Chooses how each agent behaves. */
  agents: Chance
}): Promise<Cloud> {
  const arrivals = new Map<string, number>()
  const record = (id: string) => arrivals.set(id, (arrivals.get(id) ?? 0) + 1)
  const tenants: Tenant[] = []
  const touched: Violation[] = []
  const operate: Operate = (method, path, body) => callAsOperator(emulator, method, path, body)
  const disks = createMemoryDisks()
  const emulator = await createEmulator({
    host: createInProcessHost({
      disks,
      programs: {
        [`ghcr.io/molecule-ai/workspace-*@${CRASHING_DIGEST}`]: crashingGuest,
        'ghcr.io/molecule-ai/workspace-*': createAgent(record, options.agents, operate),
        [FOREIGN_IMAGE]: idleGuest,
      },
      fetch: homeward(tenants),
    }),
    seed: options.seed,
    timings: {
      placeMs: 100,
      pullMs: 200,
      bootMs: 300,
      resumeMs: 100,
      stopMs: 100,
      suspendMs: 200,
      destroyMs: 100,
      restartMs: 300,
      // The only one that is measured by the real clock.
      proxyTimeoutMs: 2_000 / options.speed,
    },
  })
  for (const app of options.apps) emulator.createApp(app, { ips: true })
  const api = await listen(
    withLostConnections((request) => {
      const violation = touchedBy(request, tenants, emulator)
      if (violation !== undefined) touched.push(violation)
      return emulator.api.fetch(request)
    }),
    HOST,
  )
  const proxy = await listen(
    withLostConnections((request) => emulator.proxy(request)),
    HOST,
  )
  return {
    emulator,
    disks,
    apiUrl: `http://127.0.0.1:${api.port}`,
    proxyUrl: `http://127.0.0.1:${proxy.port}`,
    arrivals,
    tenants,
    touched,
    operate,
    async close() {
      await emulator.close()
      await Promise.all([api.close(0), proxy.close(0)])
    },
  }
}

async function callAsOperator(
  emulator: Emulator,
  method: string,
  path: string,
  body: unknown,
): Promise<{ status: number; body: unknown }> {
  try {
    const response = await emulator.api.fetch(
      new Request(`http://fly/v1/apps/${path}`, {
        method,
        headers: { authorization: 'Bearer operator', 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) }
  } catch {
    return { status: 0, body: undefined }
  }
}

const MACHINE = /\/machines\/([^/]+)/

/** @returns a violation if a control plane changes a machine without its label */
function touchedBy({ headers, method, url }: Request, tenants: Tenant[], emulator: Emulator) {
  const { pathname } = new URL(url)
  const id = MACHINE.exec(pathname)?.[1]
  if (method === 'GET' || id === undefined) return undefined
  const tenant = tenants.find((one) => headers.get('authorization') === `Bearer ${flyTokenOf(one)}`)
  const machine = emulator.machines().find((one) => one.id === id)
  if (tenant === undefined || machine === undefined) return undefined
  if (machine.metadata[CONTROL_PLANE_KEY] === tenant.id) return undefined
  const what = `${tenant.name} sent ${method} ${pathname}, and the machine is not its own`
  return { kind: 'touched', what } as const
}

/** Leads calls of agents to a running replica of their control plane. */
const homeward =
  (tenants: Tenant[]): typeof fetch =>
  (input, init) => {
    const request = new Request(input, init)
    const { origin } = new URL(request.url)
    const base = tenants.find((tenant) => homeOf(tenant) === origin)?.pickReplica()
    if (base === undefined) return Promise.reject(new TypeError('fetch failed: no replica runs'))
    return fetch(request.url.replace(origin, base), request)
  }
