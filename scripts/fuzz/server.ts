// The server under test: in this process, on a real port, with an emulated Fly whose machines run in this process too.
import { setTimeout as delay } from 'node:timers/promises'
import { connectPglite } from '../../drizzle/drivers/pglite.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { createApp } from '../../functions/app.ts'
import { describeApi } from '../../functions/description/describe-api.ts'
import { listen } from '../../functions/node/http-server.ts'
import { createNodeA2aHandler } from '../../functions/node/a2a-handler.ts'
import { createAgentTransport } from '../../functions/node/http-client/agent-transport.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { LONG_LIVED } from '../../lib/control-plane/long-lived.ts'
import { withLostConnections } from '../../lib/emulator/shared/connection-lost.ts'
import { createEmulator } from '../../lib/emulator/emulator.ts'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { deliverMessages } from '../../lib/messages/deliver.ts'
import { sweep } from '../../lib/control-plane/sweep.ts'

export const ADMIN_TOKEN = 'the-admin-of-the-fuzzer'

const APP = 'fuzz'

export type FuzzServer = Awaited<ReturnType<typeof startFuzzServer>>

/**
 * @param env settings in place of those of the fuzzer
 * @param databaseUrl a Postgres with our tables; without it the embedded database
 */
export async function startFuzzServer(env: Record<string, string> = {}, databaseUrl?: string) {
  const database = databaseUrl === undefined ? await connectPglite() : connectPostgres(databaseUrl)
  let platformUrl = ''
  const host = createInProcessHost({
    programs: { 'ghcr.io/molecule-ai/workspace-*': sampleAgent },
    fetch: (input, init) => fetch(input, init),
  })
  const emulator = await createEmulator({
    host,
    timings: {
      placeMs: 1,
      pullMs: 1,
      bootMs: 1,
      resumeMs: 1,
      stopMs: 1,
      suspendMs: 1,
      destroyMs: 1,
      restartMs: 1,
    },
    rateLimits: false,
    defaultApp: APP,
  })
  emulator.createApp(APP, { ips: true })
  const at = { host: '127.0.0.1', port: 0, setting: 'PORT' }
  const api = await listen(
    withLostConnections((request) => emulator.api.fetch(request)),
    at,
  )
  const proxy = await listen(
    withLostConnections((request) => emulator.proxy(request)),
    at,
  )

  /** Errors that the server logged. */
  const loggedErrors: string[] = []
  const running = new Set<Promise<unknown>>()
  const background = {
    waitUntil(promise: Promise<unknown>) {
      const task = promise
        .catch((error: unknown) => loggedErrors.push(String(error)))
        .finally(() => running.delete(task))
      running.add(task)
    },
    passThroughOnException() {},
    props: {},
  }
  const parsed = parseConfig({
    CONTAINER_BACKEND: 'flyio',
    FLY_API_TOKEN: 'the-fly-token-of-the-fuzzer',
    FLY_WORKSPACE_APP: APP,
    FLY_FLAPS_BASE_URL: `http://127.0.0.1:${api.port}`,
    FLY_API_BASE_URL: `http://127.0.0.1:${api.port}`,
    FLY_PROXY_BASE_URL: `http://127.0.0.1:${proxy.port}`,
    ADMIN_TOKEN,
    SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'fuzz').toString('base64'),
    API_RATE_PER_MINUTE: '0',
    A2A_RATE_PER_MINUTE: '0',
    CREATE_RATE_PER_HOUR: '0',
    // Passes begin after so many requests: on a slow computer /readyz would call them late.
    SWEEP_INTERVAL_SECONDS: '3600',
    CORS_ORIGINS: 'https://console.example.com',
    MOLECULE_COMPAT: 'true',
    ...env,
  })
  const agents = createAgentTransport()
  let a2a: ReturnType<typeof createNodeA2aHandler> | undefined
  let app: ReturnType<typeof createApp> | undefined
  const listener = await listen(
    (request, env) => app?.fetch(request, env, background) ?? new Response(null, { status: 503 }),
    { ...at, beforeApp: (incoming, outgoing) => a2a?.(incoming, outgoing) === true },
  )
  platformUrl = `http://127.0.0.1:${listener.port}`
  const created = createServices({ ...parsed, publicUrl: platformUrl }, database, {
    fetch,
    transport: agents.transport,
    longLived: LONG_LIVED,
    log: (level, message, fields) => {
      if (level !== 'error') return
      const { error } = fields as { error?: unknown }
      loggedErrors.push(`${message} ${(error instanceof Error && error.stack) || String(error)}`)
    },
  })
  const services = {
    ...created,
    provisioner: { ...created.provisioner, launchRate: { perSecond: 1_000, burst: 1_000 } },
  }
  app = createApp(services, { loopback: true }, { describeApi })
  a2a = createNodeA2aHandler(services, { loopback: true }, background)

  const runPasses = async () => {
    await deliverMessages(services)
    await sweep(services, { patienceMs: 0 })
  }

  return {
    url: platformUrl,
    app,
    loggedErrors,
    machines: () => emulator.machines().filter(({ destroyed }) => !destroyed),
    /** The periodic work of the Node server. */
    runPasses,
    /** An API token of one scope. */
    async createToken(scope: 'read' | 'operate' | 'exec'): Promise<string> {
      const response = await fetch(`${platformUrl}/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'a proof', scopes: [scope] }),
      })
      const { token } = (await response.json()) as { token?: string }
      if (token === undefined) throw new Error(`POST /tokens answered ${response.status} without a token`)
      return token
    },
    /** The periodic work once a second, until the returned function is called. */
    keepPassing(): () => void {
      let isPassing = false
      const passes = setInterval(() => {
        if (isPassing) return
        isPassing = true
        void runPasses().finally(() => (isPassing = false))
      }, 1_000)
      return () => clearInterval(passes)
    },
    async close(): Promise<void> {
      await Promise.race([Promise.all(running), delay(5_000)])
      await listener.close(1_000)
      await agents.close()
      await emulator.close()
      await Promise.all([api.close(0), proxy.close(0)])
      await database.close()
    },
  }
}
