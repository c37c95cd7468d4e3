// Processor time of workerd for each kind of request, warm, with what it leaves to `waitUntil`: Cloudflare's free plan allows 10 ms.
// Calls of agents, which a create brings, are within its figure.
import { setTimeout as delay } from 'node:timers/promises'
import { migratePostgres } from '../../../drizzle/drivers/migrate-postgres.ts'
import { startLoopbackFly } from '../../../test/support/loopback-fly.ts'
import { startNeonBridge } from '../../../test/support/neon-bridge.ts'
import { freePorts } from '../../../test/support/ports.ts'
import { startPostgres } from '../../../test/support/postgres.ts'
import { startWorkerd } from '../../../test/support/worker.ts'
import { cpuSeconds } from '../support/process-stats.ts'

const ADMIN_TOKEN = 'a-token-of-the-bench'

/** Sent before the requests that are measured. */
const WARM_UP = 50

/** How long workerd must use no processor time before and after a measurement, in milliseconds. */
const REST_MS = 300

/** What answers contain that later requests need. */
type Created = { id: string; auth_token?: string }

export type RequestFigures = { name: string; cpuMs: number }

/** @param code the bundle; @param requests of each kind that are measured */
export async function measureRequests(code: string, requests: number): Promise<RequestFigures[]> {
  const postgres = await startPostgres()
  await migratePostgres(postgres.url)
  const bridge = await startNeonBridge()
  const fly = await startLoopbackFly()
  const [port = 0] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const worker = await startWorkerd(
    code,
    {
      ...fly.settings,
      DATABASE_URL: postgres.url,
      NEON_HTTP_ENDPOINT: bridge.endpoint,
      PUBLIC_URL: url,
      ADMIN_TOKEN,
      // It counts, and is not reached.
      API_RATE_PER_MINUTE: '1000000',
      LOG_LEVEL: 'silent',
    },
    { port },
  )

  async function call(path: string, body?: object, headers: Record<string, string> = {}): Promise<Created> {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${text}`)
    return JSON.parse(text) as Created
  }

  const create = (name: string, headers = {}) =>
    call('/workspaces', { name, runtime: 'hermes', disk_gb: 0 }, headers)

  /** Waits until workerd has nothing to do. @returns its processor time in seconds */
  async function atRest(): Promise<number> {
    for (let before = NaN; ;) {
      const now = cpuSeconds(worker.pid) ?? NaN
      if (Number.isNaN(now) || now === before) return now
      before = now
      await delay(REST_MS)
    }
  }

  async function measure(send: (n: number) => Promise<unknown>): Promise<number> {
    for (let n = 0; n < WARM_UP; n++) await send(n)
    const before = await atRest()
    for (let n = 0; n < requests; n++) await send(WARM_UP + n)
    return (((await atRest()) - before) * 1_000) / requests
  }

  try {
    const { id } = await create('the-one', { prefer: 'wait=60' })
    const { auth_token: token } = await call(`/workspaces/${id}/tokens`, {})
    const kinds: Record<string, (n: number) => Promise<unknown>> = {
      'GET /livez': () => call('/livez'),
      'GET /workspaces/:id': () => call(`/workspaces/${id}`),
      'GET /workspaces/:id/explain': () => call(`/workspaces/${id}/explain`),
      'POST /registry/heartbeat': () =>
        call(
          '/registry/heartbeat',
          { workspace_id: id, active_tasks: 0 },
          { authorization: `Bearer ${token}` },
        ),
      'POST /workspaces/:id/a2a': (n) => call(`/workspaces/${id}/a2a`, message(n)),
      'POST /workspaces': (n) => create(`bench-${n}`),
      'GET /workspaces (100)': () => call('/workspaces'),
    }
    const figures: RequestFigures[] = []
    for (const [name, send] of Object.entries(kinds)) figures.push({ name, cpuMs: await measure(send) })
    return figures
  } finally {
    await worker.close()
    await fly.close()
    await bridge.close()
    await postgres.stop()
  }
}

const message = (n: number) => ({
  jsonrpc: '2.0',
  id: n,
  method: 'message/send',
  params: { message: { role: 'user', parts: [{ kind: 'text', text: 'What region are you running in?' }] } },
})
