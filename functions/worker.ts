// Cloudflare entry: requests and the cron trigger over the same services, with Neon over HTTP as the database.
import { connectNeon } from '../drizzle/neon.ts'
import { BudgetSpent } from '../lib/budget.ts'
import { type Config, ConfigError } from '../lib/config.ts'
import { createServices } from '../lib/create-services.ts'
import { createLog } from '../lib/log.ts'
import { runCron } from '../lib/run-cron.ts'
import type { Services } from '../lib/services.ts'
import { createApp } from './app.ts'
import { readWorkerConfig } from './worker-config.ts'

type Context = { waitUntil(promise: Promise<unknown>): void; passThroughOnException(): void; props: unknown }
type Place = { services: Services; app: ReturnType<typeof createApp> }

// Once per isolate, on first use: neon-http keeps no socket, so nothing here belongs to one request.
let place: Place | undefined

function open(env: Record<string, unknown>): Place {
  const config: Config = {
    ...readWorkerConfig(env),
    trustedProxy: 'cloudflare',
    // As wrangler.toml has it.
    sweepIntervalSeconds: 60,
  }
  if (config.database.url === undefined) throw new ConfigError(['DATABASE_URL is missing'])
  // oxlint-disable-next-line eslint/no-console -- the Worker's log is its console
  const log = createLog(config.logLevel, (line) => console.log(line))
  const { neonEndpoint, url } = config.database
  const services = createServices(config, connectNeon(url, neonEndpoint), {
    counted: (budget) => connectNeon(url, neonEndpoint, budget).db,
    fetch: async (input, init) => {
      try {
        // Called as a method of another object, the global fetch of Workers throws "Illegal invocation".
        return await fetch(input, init)
      } catch (error) {
        if (!(error instanceof Error && /^too many subrequests/i.test(error.message))) throw error
        log(
          'error',
          `fewer requests are allowed than ${config.subrequestLimit}: set SUBREQUEST_LIMIT (50 on the free plan)`,
        )
        throw new BudgetSpent({ cause: error })
      }
    },
    log,
    longBackground: false,
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
    place.services.log('info', 'sweep', await runCron(place.services))
  },
}
