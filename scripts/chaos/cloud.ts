// The Fly of a chaos run: the emulator behind real sockets, guests that are sample agents and count the messages they get,
// and an operator's own access to the API.
import { listen } from '../../functions/node/http-server.ts'
import { withLostConnections } from '../../lib/emulator/shared/connection-lost.ts'
import { createEmulator, type Emulator } from '../../lib/emulator/emulator.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'

/** Image of the machines that are nobody's business but their owner's. */
export const FOREIGN_IMAGE = 'docker.io/somebody/elses:1'

/** The base that agents are told to call home at; it leads to whichever replica lives. */
export const PLATFORM = 'http://platform.chaos'

const HOST = { host: '127.0.0.1', port: 0, setting: 'PORT' }

export type Cloud = {
  emulator: Emulator
  apiUrl: string
  proxyUrl: string
  /** How often an agent got each message, by its id. */
  arrivals: Map<string, number>
  /** A call to the Machines API as a person with flyctl would make it. */
  operate(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>
  close(): Promise<void>
}

/** @param home where a call of an agent goes now; undefined while no replica lives */
export async function startCloud(options: {
  apps: readonly string[]
  seed: number
  speed: number
  home: () => string | undefined
}): Promise<Cloud> {
  const arrivals = new Map<string, number>()
  const emulator = await createEmulator({
    host: createInProcessHost({
      programs: { 'ghcr.io/molecule-ai/workspace-*': countingAgent(arrivals), [FOREIGN_IMAGE]: idle },
      fetch: homeward(options.home),
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
      // The only one that the emulator measures by a clock that cannot be quickened.
      proxyTimeoutMs: 2_000 / options.speed,
    },
  })
  for (const app of options.apps) emulator.createApp(app, { ips: true })
  const api = await listen(
    withLostConnections((request) => emulator.api.fetch(request)),
    HOST,
  )
  const proxy = await listen(
    withLostConnections((request) => emulator.proxy(request)),
    HOST,
  )
  return {
    emulator,
    apiUrl: `http://127.0.0.1:${api.port}`,
    proxyUrl: `http://127.0.0.1:${proxy.port}`,
    arrivals,
    async operate(method, path, body) {
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
    },
    async close() {
      await emulator.close()
      await Promise.all([api.close(0), proxy.close(0)])
    },
  }
}

/** Does nothing until it is asked to stop. */
const idle: Program = (machine) =>
  new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0), { once: true }))

/** The sample agent, with every message noted as it arrives, before the agent can do anything about it. */
const countingAgent =
  (arrivals: Map<string, number>): Program =>
  (machine) =>
    sampleAgent({
      ...machine,
      listen: (port, handler, address) =>
        machine.listen(
          port,
          async (request) => {
            if (request.method !== 'POST') return handler(request)
            const text = await request.text()
            const id = messageIdOf(text)
            if (id !== undefined) arrivals.set(id, (arrivals.get(id) ?? 0) + 1)
            return handler(new Request(request.url, { method: 'POST', headers: request.headers, body: text }))
          },
          address,
        ),
    })

function messageIdOf(text: string): string | undefined {
  const body = JSON.parse(text) as { params?: { message?: { messageId?: unknown } } }
  const id = body.params?.message?.messageId
  return typeof id === 'string' ? id : undefined
}

const homeward =
  (home: () => string | undefined): typeof fetch =>
  (input, init) => {
    const request = new Request(input, init)
    const base = home()
    if (base === undefined) return Promise.reject(new TypeError('fetch failed: no replica lives'))
    return fetch(request.url.replace(PLATFORM, base), request)
  }
