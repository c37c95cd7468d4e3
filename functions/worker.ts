// Cloudflare entry: requests and the cron trigger over the same services, with Neon over HTTP as the database.
import { connectNeon } from '../drizzle/neon.ts'
import { ConfigError, parseConfig } from '../lib/config.ts'
import { createServices } from '../lib/create-services.ts'
import { createLog } from '../lib/log.ts'
import type { Services } from '../lib/services.ts'
import { sweep } from '../lib/sweep.ts'
import { createApp } from './app.ts'

type Context = { waitUntil(promise: Promise<unknown>): void; passThroughOnException(): void; props: unknown }
type Place = { services: Services; app: ReturnType<typeof createApp> }

// Once per isolate, on first use: neon-http keeps no socket, so nothing here belongs to one request.
let place: Place | undefined

function open(env: Record<string, unknown>): Place {
  const config = parseConfig(env)
  const missing = [
    ...(config.database.url === undefined
      ? ['DATABASE_URL is missing: a Worker needs a Neon connection string']
      : []),
    ...(config.fly.emulator
      ? ['CONTAINER_BACKEND is missing: the embedded emulator does not run on Workers']
      : []),
    ...(config.publicUrl === undefined
      ? ['PUBLIC_URL is missing: agents need to know where to call home']
      : []),
  ]
  if (missing.length > 0 || config.database.url === undefined) throw new ConfigError(missing)
  // oxlint-disable-next-line eslint/no-console -- the Worker's log is its console
  const log = createLog(config.logLevel, (line) => console.log(line))
  const services = createServices(config, connectNeon(config.database.url, config.database.neonEndpoint), {
    // Called as a method of another object, the global fetch of Workers throws "Illegal invocation".
    fetch: (input, init) => fetch(input, init),
    log,
  })
  return { services, app: createApp(services, { loopback: false }) }
}

export default {
  async fetch(request: Request, env: Record<string, unknown>, context: Context): Promise<Response> {
    try {
      place ??= open(env)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return Response.json(
        {
          type: 'about:blank',
          title: 'The server is not configured',
          status: 503,
          detail: error.message,
          code: 'misconfigured',
          error: error.message,
        },
        { status: 503, headers: { 'content-type': 'application/problem+json' } },
      )
    }
    return place.app.fetch(request, env, context)
  },

  async scheduled(_event: unknown, env: Record<string, unknown>): Promise<void> {
    place ??= open(env)
    const summary = await sweep(place.services)
    place.services.log('info', 'sweep', summary)
  },
}
