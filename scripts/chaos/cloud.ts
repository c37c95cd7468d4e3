// The Fly of a chaos run: the emulator behind real sockets, and an operator's own access to its API.
import { listen } from '../../functions/node/http-server.ts'
import { withLostConnections } from '../../lib/emulator/shared/connection-lost.ts'
import { createEmulator, type Emulator } from '../../lib/emulator/emulator.ts'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { createGuest, idleGuest } from './guests.ts'
import type { Chance } from './random.ts'

/** Image of machines that belong to others. */
export const FOREIGN_IMAGE = 'docker.io/example/foreign:1'

/** The URL that agents call home at. It leads to a running replica. */
export const PLATFORM = 'http://platform.chaos'

const HOST = { host: '127.0.0.1', port: 0, setting: 'PORT' }

export type Cloud = {
  emulator: Emulator
  apiUrl: string
  proxyUrl: string
  /** How often an agent received each message, by message id. */
  arrivals: Map<string, number>
  /** A call to the Machines API as a person with flyctl would make it. */
  operate(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>
  close(): Promise<void>
}

/** @param options.home the URL of a running replica; undefined while none runs */
export async function startCloud(options: {
  apps: readonly string[]
  seed: number
  speed: number
  /** Chooses how each guest behaves. */
  guests: Chance
  home: () => string | undefined
}): Promise<Cloud> {
  const arrivals = new Map<string, number>()
  const emulator = await createEmulator({
    host: createInProcessHost({
      programs: {
        'ghcr.io/molecule-ai/workspace-*': createGuest(arrivals, options.guests),
        [FOREIGN_IMAGE]: idleGuest,
      },
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
      // The only one that is measured by the real clock.
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

const homeward =
  (home: () => string | undefined): typeof fetch =>
  (input, init) => {
    const request = new Request(input, init)
    const base = home()
    if (base === undefined) return Promise.reject(new TypeError('fetch failed: no replica runs'))
    return fetch(request.url.replace(PLATFORM, base), request)
  }
