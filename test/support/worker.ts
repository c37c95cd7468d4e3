// The Worker started in workerd, with Neon's protocol and Fly's two doors on loopback ports of this process.
import { Miniflare } from 'miniflare'
import type { Program } from '../../lib/emulator/host.ts'
import { createPostgresDatabase } from './database.ts'
import { startLoopbackFly } from './loopback-fly.ts'
import { startNeonBridge } from './neon-bridge.ts'
import { freePorts } from './ports.ts'

/** A bundle in workerd. `bindings` are the Worker's variables and secrets. */
export async function startWorkerd(
  code: string,
  bindings: Record<string, string>,
  port?: number,
): Promise<{ url: string; runCron(): Promise<string>; close(): Promise<void> }> {
  const miniflare = new Miniflare({
    modules: true,
    script: code,
    compatibilityDate: '2026-04-01',
    compatibilityFlags: ['enable_request_signal'],
    bindings,
    host: '127.0.0.1',
    ...(port === undefined ? {} : { port }),
    // The request details that Miniflare would else fetch from Cloudflare.
    cf: false,
  })
  const url = (await miniflare.ready).origin
  return {
    url,
    async runCron() {
      // Its type comes from @cloudflare/workers-types, whose globals would clash with Node's in every other file.
      const worker = (await miniflare.getWorker()) as unknown as {
        scheduled(event: { cron: string; scheduledTime: Date }): Promise<{ outcome: string }>
      }
      const { outcome } = await worker.scheduled({ cron: '* * * * *', scheduledTime: new Date() })
      return outcome
    },
    close: () => miniflare.dispose(),
  }
}

export const ADMIN_TOKEN = 'a-token-of-the-operator'

export type WorkerPlace = Awaited<ReturnType<typeof startWorkerPlace>>

/** Everything around the Worker and the Worker in it. Agents call home to workerd over HTTP. */
export async function startWorkerPlace(
  code: string,
  programs: Record<string, Program> = {},
  settings: Record<string, string> = {},
) {
  const database = await createPostgresDatabase()
  const bridge = await startNeonBridge()
  const fly = await startLoopbackFly(programs)
  const [port = 0] = await freePorts(1)
  const worker = await startWorkerd(
    code,
    {
      ...fly.settings,
      DATABASE_URL: database,
      NEON_HTTP_ENDPOINT: bridge.endpoint,
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      ADMIN_TOKEN,
      SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'w').toString('base64'),
      LOG_LEVEL: 'silent',
      ...settings,
    },
    port,
  )
  return {
    ...worker,
    bridge,
    emulator: fly.emulator,
    /** A call by the operator, at workerd's socket. */
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
