// Starts the Worker in workerd, with Neon's protocol or a Hyperdrive, and Fly's API and proxy on loopback ports of this process.
import type { Program } from '../../lib/emulator/guests/host.ts'
import { guardChild } from './child-guard.ts'
import { createPostgresDatabase } from './database.ts'
import { startLoopbackFly } from './loopback-fly.ts'
import { startNeonBridge } from './neon-bridge.ts'
import { freePorts } from './ports.ts'
import { childrenOf } from './processes.ts'

/** The name of the Worker, also for its inspector. */
export const WORKER = 'molecule-fly'

export type WorkerdOptions = {
  port?: number
  /** Where its inspector listens; without it there is none. */
  inspectorPort?: number
  /** The limit of subrequests per invocation. */
  subrequests?: number
  /** Enables nodejs_compat, for a driver that needs it. */
  nodejs?: boolean
  /** A connection string for the binding HYPERDRIVE. */
  hyperdrive?: string
}

/** Starts a bundle in workerd. `bindings` are the Worker's variables and secrets. */
export async function startWorkerd(
  code: string,
  bindings: Record<string, string>,
  { hyperdrive, inspectorPort, nodejs = hyperdrive !== undefined, port, subrequests }: WorkerdOptions = {},
): Promise<{ url: string; pid: number; runCron(): Promise<string>; close(): Promise<void> }> {
  const others = new Set(childrenOf(process.pid, 'workerd'))
  // Files that also test Node load it only when they need it.
  const { Miniflare } = await import('miniflare')
  const miniflare = new Miniflare({
    workers: [
      {
        config: {
          name: WORKER,
          compatibilityDate: '2026-04-01',
          // AsyncLocalStorage is needed by the limit; nodejs_compat includes it.
          compatibilityFlags: [
            'enable_request_signal',
            ...(nodejs ? ['nodejs_compat'] : subrequests === undefined ? [] : ['nodejs_als']),
          ],
          manifest: {
            mainModule: subrequests === undefined ? 'worker.js' : 'limited.js',
            modules: {
              'worker.js': { type: 'esm', contents: code },
              ...(subrequests === undefined
                ? {}
                : { 'limited.js': { type: 'esm', contents: limited(subrequests) } }),
            },
          },
          env: {
            ...Object.fromEntries(
              Object.entries(bindings).map(([name, value]) => [name, { type: 'text', value }] as const),
            ),
            // Miniflare's own Hyperdrive proxy fails with an uncaught error when a caller closes its connection.
            ...(hyperdrive === undefined
              ? {}
              : { HYPERDRIVE: { type: 'json', value: { connectionString: hyperdrive } } }),
          },
        },
      },
    ],
    host: '127.0.0.1',
    ...(port === undefined ? {} : { port }),
    ...(inspectorPort === undefined ? {} : { inspectorPort }),
    // Miniflare would otherwise fetch `request.cf` from Cloudflare.
    cf: false,
    // Miniflare would otherwise list these Workers in the home directory.
    enableDevRegistry: false,
  })
  const url = (await miniflare.ready).origin
  const pids = childrenOf(process.pid, 'workerd').filter((pid) => !others.has(pid))
  const releases = pids.map((pid) => guardChild(pid))
  return {
    url,
    pid: pids[0] ?? 0,
    async runCron() {
      // Its type is in @cloudflare/workers-types, whose globals clash with Node's.
      const worker = (await miniflare.getWorker()) as unknown as {
        scheduled(event: { cron: string; scheduledTime: Date }): Promise<{ outcome: string }>
      }
      const { outcome } = await worker.scheduled({ cron: '* * * * *', scheduledTime: new Date() })
      return outcome
    },
    async close() {
      await miniflare.dispose()
      for (const release of releases) release()
    },
  }
}

/**
 * Cloudflare's limit of subrequests, which workerd does not enforce: an invocation, including its `waitUntil` work, may make this many
 * fetches, and the next one throws. `GET /_invocations` returns the counts of every invocation.
 */
const limited = (subrequests: number) => `
import { AsyncLocalStorage } from 'node:async_hooks'
import worker from './worker.js'
const current = new AsyncLocalStorage()
const invocations = []
const send = fetch
globalThis.fetch = async (input, init) => {
  const invocation = current.getStore()
  if (invocation.asked >= ${subrequests}) {
    invocation.refused++
    throw new Error('Too many subrequests by single Worker invocation.')
  }
  invocation.asked++
  return send(input, init)
}
function count(what, handle) {
  const invocation = { what, asked: 0, refused: 0 }
  invocations.push(invocation)
  return current.run(invocation, handle)
}
export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url)
    if (pathname === '/_invocations') return Response.json(invocations)
    return count(request.method + ' ' + pathname, () => worker.fetch(request, env, context))
  },
  scheduled: (event, env, context) => count('cron', () => worker.scheduled(event, env, context)),
}`

export type Invocation = { what: string; asked: number; refused: number }

export const ADMIN_TOKEN = 'a-token-of-the-operator'

export type WorkerFixture = Awaited<ReturnType<typeof startWorkerFixture>>

/** Starts the Worker and everything that it needs. Agents call the control plane in workerd over HTTP. */
export async function startWorkerFixture(
  code: string,
  programs: Record<string, Program> = {},
  settings: Record<string, string> = {},
  { overHyperdrive = false, ...limits }: { overHyperdrive?: boolean; subrequests?: number } = {},
) {
  const database = await createPostgresDatabase()
  const bridge = await startNeonBridge()
  const fly = await startLoopbackFly(programs)
  const [port = 0] = await freePorts(1)
  const worker = await startWorkerd(
    code,
    {
      ...fly.settings,
      ...(overHyperdrive ? {} : { DATABASE_URL: database, NEON_HTTP_ENDPOINT: bridge.endpoint }),
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      ADMIN_TOKEN,
      SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'w').toString('base64'),
      LOG_LEVEL: 'silent',
      ...settings,
    },
    { port, ...limits, ...(overHyperdrive ? { hyperdrive: database } : {}) },
  )
  return {
    ...worker,
    bridge,
    database,
    emulator: fly.emulator,
    /** Calls the API with ADMIN_TOKEN, over workerd's socket. */
    call: (path: string, init: RequestInit & { json?: unknown } = {}) => {
      const { json, ...rest } = init
      const headers = new Headers(rest.headers)
      if (!headers.has('authorization')) headers.set('authorization', `Bearer ${ADMIN_TOKEN}`)
      if (json !== undefined) headers.set('content-type', 'application/json')
      return fetch(new URL(path, worker.url), {
        ...rest,
        headers,
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      })
    },
    async close() {
      await worker.close()
      await fly.close()
      await bridge.close()
    },
  }
}
