// Health and metrics: /livez checks the process only, /readyz checks everything it depends on, /healthz describes the
// server (the tutorial calls it), /health is the same for Molecule's clients.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { MetricsSnapshot } from '../../lib/platform/metrics.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { readControlPlaneId } from '../../lib/platform/control-plane-id.ts'
import { countStock, createReadiness, sweepAge } from '../../lib/control-plane/readiness.ts'
import { ACTIVE } from '../../lib/rollouts/rollout.ts'
import { measureWebhooks } from '../../lib/webhooks/delivery-metrics.ts'
import { STATUSES } from '../../lib/lifecycle/lifecycle.ts'
import { DISK_STATES } from '../../lib/lifecycle/workspace.ts'
import type { AppEnv } from '../http/app-env.ts'
import { Problem } from '../http/problem.ts'
import { described } from '../../lib/platform/described.ts'
import { VERSION } from '../http/version.ts'

const Health = described(() =>
  z
    .object({
      status: z.literal('ok'),
      version: z.string(),
      provisioner: z.string(),
      app: z.string(),
      region: z.string(),
      emulator: z.boolean(),
      database: z.string(),
      uptime: z.number(),
      control_plane: z.uuid().optional().openapi({
        description: 'The id of the control plane with this database; its machines are labelled with it.',
      }),
    })
    .openapi('Health'),
)

const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'getHealth',
  responses: described(() => ({
    200: {
      content: { 'application/json': { schema: Health } },
      description: 'Version, provisioner, region and database of the server.',
    },
    503: {
      content: { 'application/problem+json': { schema: Problem } },
      description: 'The database does not answer.',
    },
  })),
})

const liveRoute = createRoute({
  method: 'get',
  path: '/livez',
  operationId: 'getLiveness',
  responses: described(() => ({
    200: {
      content: { 'application/json': { schema: z.object({ status: z.literal('ok') }) } },
      description: 'The process answers.',
    },
  })),
})

const CheckView = described(() => z.object({ ok: z.boolean(), detail: z.string() }))
const ReadinessView = described(() =>
  z
    .object({
      status: z.enum(['ok', 'failing']),
      checks: z.object({ database: CheckView, migrations: CheckView, provider: CheckView, sweep: CheckView }),
    })
    .openapi('Readiness'),
)

const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  operationId: 'getReadiness',
  responses: described(() => ({
    200: {
      content: { 'application/json': { schema: ReadinessView } },
      description: 'The server can do its work.',
    },
    503: {
      content: { 'application/json': { schema: ReadinessView } },
      description: 'A dependency is not available. The provider is checked at most every 30 s.',
    },
  })),
})

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  operationId: 'getMetrics',
  responses: described(() => ({
    200: {
      content: { 'text/plain': { schema: z.string() } },
      description: "Metrics of this process, and counts from the database, in Prometheus' text format.",
    },
  })),
})

/** What is there now, beside what was counted on the way. A database that is down takes none of the rest along. */
async function setGauges(services: Services): Promise<void> {
  const { config, driver, limits, log, metrics } = services
  const { requests, streams } = limits.inFlight()
  metrics.set('molecule_a2a_in_flight', requests)
  metrics.set('molecule_a2a_streams', streams)
  metrics.set('molecule_info', 1, { version: VERSION, database: driver })
  metrics.set('molecule_sweep_interval_seconds', config.sweepIntervalSeconds)
  let stock: Awaited<ReturnType<typeof countStock>>
  let age: Awaited<ReturnType<typeof sweepAge>>
  try {
    ;[stock, age] = await Promise.all([countStock(services), sweepAge(services), measureWebhooks(services)])
  } catch (error) {
    log('warn', 'the gauges from the database could not be read', { error })
    metrics.set('molecule_database_up', 0)
    return
  }
  metrics.set('molecule_database_up', 1)
  for (const status of STATUSES) metrics.set('molecule_workspaces', stock.workspaces[status] ?? 0, { status })
  for (const state of DISK_STATES.filter((one) => one !== 'gone'))
    metrics.set('molecule_disks', stock.disks[state] ?? 0, { state })
  for (const state of ['queued', 'sending'])
    metrics.set('molecule_messages', stock.messages[state] ?? 0, { state })
  for (const state of ACTIVE) metrics.set('molecule_rollouts', stock.rollouts[state] ?? 0, { state })
  metrics.set('molecule_workspaces_due', stock.due)
  metrics.set('molecule_sweep_lag_seconds', stock.lag)
  if (age !== undefined) metrics.set('molecule_sweep_age_seconds', age.seconds)
}

/** Reads the metrics of the other processes behind the same port. */
export type ReadMetrics = () => Promise<MetricsSnapshot[]>

export function healthRoutes(services: Services, otherMetrics?: ReadMetrics) {
  const app = new OpenAPIHono<AppEnv>()
  const { config, provisioner } = services
  let bornAt: number | undefined

  async function health(): Promise<z.infer<typeof Health>> {
    const identity = await readControlPlaneId(services.db)
    bornAt ??= services.now().getTime()
    return {
      status: 'ok',
      version: VERSION,
      provisioner: provisioner.name,
      app: provisioner.apps.join(','),
      region: config.region,
      emulator: config.backend === 'emulator',
      database: services.driver,
      uptime: Math.round((services.now().getTime() - bornAt) / 1000),
      ...(identity === undefined ? {} : { control_plane: identity }),
    }
  }

  app.openapi(healthRoute, async (c) => c.json(await health(), 200))
  app.get('/health', async (c) => c.json(await health()))
  const readiness = createReadiness(services)
  app.openapi(readyRoute, async (c) => {
    const { checks, ok } = await readiness()
    c.header('cache-control', 'no-store')
    return c.json({ status: ok ? ('ok' as const) : ('failing' as const), checks }, ok ? 200 : 503)
  })
  app.openapi(metricsRoute, async (c) => {
    await setGauges(services)
    c.header('cache-control', 'no-store')
    return c.text(services.metrics.text(await otherMetrics?.()), 200)
  })
  app.openapi(liveRoute, (c) => c.json({ status: 'ok' as const }, 200))
  return app
}
