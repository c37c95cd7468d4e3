// A Worker of Cloudflare's: requests and the cron trigger over the same services. What differs between its entries is how they reach
// the database.
import type { OpenDatabase } from '../../drizzle/database.ts'
import { type SubrequestBudget, SubrequestBudgetExceeded } from '../../lib/platform/subrequest-budget.ts'
import { type Config, ConfigError, warnAboutSettings } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { createLog } from '../../lib/platform/log.ts'
import { runCron } from '../../lib/control-plane/run-cron.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { createApp } from '../app.ts'
import { readWorkerConfig } from './config.ts'

type Env = Record<string, unknown>
type Context = { waitUntil(promise: Promise<unknown>): void; passThroughOnException(): void; props: unknown }
type Place = { services: Services; app: ReturnType<typeof createApp> }

export type Reach = {
  /** Settings, with `DATABASE_URL` among them. @throws ConfigError */
  settings: (env: Env) => Env
  /** The database, for work whose statements count against a budget or for all other. */
  connect: (database: Config['database'] & { url: string }, budget?: SubrequestBudget) => OpenDatabase
  /** What each invocation, with all that it leaves behind, is done in. */
  during?: <Result>(env: Env, work: () => Promise<Result>) => Promise<Result>
}

export function createWorker({ connect, during = (_env, work) => work(), settings }: Reach) {
  // Once per isolate, on first use: nothing in here belongs to one request.
  let place: Place | undefined

  function open(env: Env): Place {
    const config: Config = {
      ...readWorkerConfig(settings(env)),
      trustedProxy: 'cloudflare',
      // As wrangler.toml has it.
      sweepIntervalSeconds: 60,
    }
    const { neonEndpoint, url } = config.database
    if (url === undefined) throw new ConfigError(['DATABASE_URL is missing'])
    const database = { neonEndpoint, url }
    // oxlint-disable-next-line eslint/no-console -- the Worker's log is its console
    const log = createLog(config.logLevel, (line) => console.log(line))
    for (const warning of warnAboutSettings(env)) log('warn', warning)
    const services = createServices(config, connect(database), {
      counted: (budget) => connect(database, budget).db,
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
          throw new SubrequestBudgetExceeded({ cause: error })
        }
      },
      log,
      canRunInBackground: false,
    })
    return { services, app: createApp(services, { loopback: false }) }
  }

  return {
    async fetch(request: Request, env: Env, context: Context): Promise<Response> {
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
      const { app } = place
      return during(env, async () => app.fetch(request, env, context))
    },

    async scheduled(_event: unknown, env: Env): Promise<void> {
      const { services } = (place ??= open(env))
      await during(env, async () => services.log('info', 'sweep', await runCron(services)))
    },
  }
}
