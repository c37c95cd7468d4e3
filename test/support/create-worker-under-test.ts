// The control plane as a Worker with the doors that tests need beside its own: its clock can be moved, what the cron trigger does
// can be asked for, and its network is the test's. Bundled for workerd, it knows nothing of Node.
import { createApp } from '../../functions/app.ts'
import type { Reach } from '../../functions/worker/create-worker.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { runDeliveries } from '../../lib/control-plane/deliveries.ts'
import { runRetention } from '../../lib/control-plane/retention.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { sweep, type SweepOptions } from '../../lib/control-plane/sweep.ts'
import { AHEAD, CONTROL, NAMED } from './worker-control.ts'

type Context = { waitUntil(promise: Promise<unknown>): void; passThroughOnException(): void; props: unknown }

/** One text, since bindings are texts. */
type Bindings = { PLACE: string; [name: string]: unknown }
type Settings = {
  env: Record<string, string>
  loopback: boolean
  launchRate: { perSecond: number; burst: number }
  /** The test's end of the network. */
  outside: string
}

let ahead = 0
let running = 0
const logged: { level: string; message: string; fields: unknown }[] = []
let place: { services: Services; app: ReturnType<typeof createApp> } | undefined

function open(connect: Reach['connect'], { env, launchRate, loopback, outside }: Settings) {
  const parsed = parseConfig(env)
  const config = { ...parsed, fly: { ...parsed.fly, emulator: true } }
  const database = { neonEndpoint: config.database.neonEndpoint, url: config.database.url ?? '' }
  const created = createServices(config, connect(database), {
    counted: (budget) => connect(database, budget).db,
    fetch: (input, init) => {
      const request = new Request(input, init)
      const url = new URL(request.url)
      const headers = new Headers(request.headers)
      headers.set(NAMED, url.origin)
      return fetch(new Request(`${outside}${url.pathname}${url.search}`, request), {
        headers,
        signal: init?.signal ?? null,
      })
    },
    canRunInBackground: false,
    log: (level, message, fields = {}) => void logged.push({ level, message, fields: plain(fields) }),
    now: () => new Date(Date.now() + ahead),
    sleep: (ms, signal) => new Promise((done) => setTimeout(done, signal?.aborted === true ? 0 : ms / 20)),
  })
  /** Unpaced, but for tests of the pace: also where requests are counted. */
  const paced = <Wired extends object>(wired: Wired): Wired => ({
    ...wired,
    provisioner: { ...(wired as Pick<Services, 'provisioner'>).provisioner, launchRate },
  })
  const { meter } = created
  const services: Services = {
    ...paced(created),
    meter: meter && { ...meter, bindBudget: (budget) => paced(meter.bindBudget(budget)) },
  }
  return { services, app: createApp(services, { loopback }) }
}

/** Errors in it as their texts: they have to leave this process. */
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
    case '/keep-house':
      return runRetention(services)
    case '/flush':
      return services.activity.flush()
    case '/long-background':
      services.canRunInBackground = (await request.json()) as boolean
      return undefined
    case '/running':
      return running
    case '/logs':
      return logged
    default:
      throw new Error(`nothing at ${request.url}`)
  }
}

export const createWorkerUnderTest = ({
  connect,
  during = (_env, work) => work(),
}: Omit<Reach, 'settings'>) => ({
  async fetch(request: Request, bindings: Bindings, context: Context): Promise<Response> {
    ahead = Number(request.headers.get(AHEAD))
    const { app, services } = (place ??= open(connect, JSON.parse(bindings.PLACE) as Settings))
    return during(bindings, async () => {
      if (new URL(request.url).origin === CONTROL) {
        return Response.json((await control(services, request)) ?? null)
      }
      const headers = new Headers(request.headers)
      headers.delete(AHEAD)
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
