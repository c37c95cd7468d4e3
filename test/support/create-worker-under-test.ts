// The control plane as a Worker with commands for tests beside its API: they move its clock, run what the cron trigger runs and
// receive the requests that it sends. It is bundled for workerd and must not import anything of Node.
import { createApp } from '../../functions/app.ts'
import { describeFromAsset } from '../../functions/worker/describe-from-asset.ts'
import type { WorkerOptions } from '../../functions/worker/create-worker.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { runDeliveries } from '../../lib/control-plane/deliveries.ts'
import { runRetention } from '../../lib/control-plane/retention.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { sweep, type SweepOptions } from '../../lib/control-plane/sweep.ts'
import { after } from '../../lib/platform/sleep.ts'
import { ASSETS_ORIGIN, CLOCK_OFFSET_HEADER, CONTROL_ORIGIN, ORIGIN_HEADER } from './worker-control.ts'

type Context = { waitUntil(promise: Promise<unknown>): void; passThroughOnException(): void; props: unknown }

/** Bindings are strings, so the settings are one JSON string. */
type Bindings = { SETTINGS: string; [name: string]: unknown }
type Settings = {
  env: Record<string, string>
  loopback: boolean
  launchRate: { perSecond: number; burst: number }
  /** The URL of the test's server that receives every request. */
  network: string
}

let clockOffset = 0
let running = 0
const logged: { level: string; message: string; fields: unknown }[] = []
let controlPlane: { services: Services; app: ReturnType<typeof createApp> } | undefined

function open(connect: WorkerOptions['connect'], { env, launchRate, loopback, network }: Settings) {
  const parsed = parseConfig(env)
  const config = { ...parsed, backend: 'emulator' as const }
  const database = { ...config.database, url: config.database.url ?? '' }
  const created = createServices(config, connect(database), {
    fetch: (input, init) => {
      const request = new Request(input, init)
      const url = new URL(request.url)
      const headers = new Headers(request.headers)
      headers.set(ORIGIN_HEADER, url.origin)
      return fetch(new Request(`${network}${url.pathname}${url.search}`, request), {
        headers,
        signal: init?.signal ?? null,
      })
    },
    log: (level, message, fields = {}) => void logged.push({ level, message, fields: plain(fields) }),
    now: () => new Date(Date.now() + clockOffset),
    after: (ms, work) => after(ms / 20, work),
  })
  /** Applies the launch rate of the test, also where a budget is bound. */
  const paced = <Wired extends object>(wired: Wired): Wired => ({
    ...wired,
    provisioner: {
      ...(wired as Pick<Services, 'provisioner'>).provisioner,
      launchRate,
      execRate: { perSecond: 1_000, burst: 1_000 },
    },
  })
  // The assets are a server of the test, too.
  const describeApi = describeFromAsset((path) =>
    fetch(`${network}${path}`, { headers: { [ORIGIN_HEADER]: ASSETS_ORIGIN } }),
  )
  const { meter } = created
  const services: Services = {
    ...paced(created),
    meter: meter && { ...meter, bindBudget: (budget) => paced(meter.bindBudget(budget)) },
  }
  return { services, app: createApp(services, { loopback }, { describeApi }) }
}

/** Turns errors into text, because log fields leave this process as JSON. */
const plain = (fields: unknown): unknown =>
  JSON.parse(
    JSON.stringify(fields, (_, value: unknown) =>
      value instanceof Error ? `${value.stack ?? value.message} ${String(value.cause)}` : value,
    ),
  )

async function control(services: Services, request: Request): Promise<unknown> {
  switch (new URL(request.url).pathname) {
    case '/sweep':
      return sweep(services, (await request.json()) as SweepOptions)
    case '/deliver':
      return runDeliveries(services)
    case '/run-retention':
      return runRetention(services)
    case '/flush-activity':
      return services.activity.flush()
    case '/can-run-in-background':
      services.canRunInBackground = (await request.json()) as boolean
      return undefined
    case '/running':
      return running
    case '/logs':
      return logged
    default:
      throw new Error(`no such command: ${request.url}`)
  }
}

export const createWorkerUnderTest = ({
  connect,
  during = (_env, work) => work(),
}: Omit<WorkerOptions, 'settings'>) => ({
  async fetch(request: Request, bindings: Bindings, context: Context): Promise<Response> {
    clockOffset = Number(request.headers.get(CLOCK_OFFSET_HEADER))
    const { app, services } = (controlPlane ??= open(connect, JSON.parse(bindings.SETTINGS) as Settings))
    return during(bindings, async () => {
      if (new URL(request.url).origin === CONTROL_ORIGIN) {
        return Response.json((await control(services, request)) ?? null)
      }
      const headers = new Headers(request.headers)
      headers.delete(CLOCK_OFFSET_HEADER)
      return app.fetch(new Request(request, { headers }), bindings, {
        ...context,
        waitUntil(promise) {
          running++
          context.waitUntil(promise.finally(() => running--))
        },
        passThroughOnException() {},
      })
    })
  },
})
