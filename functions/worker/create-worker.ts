// A Cloudflare Worker: requests and the cron trigger, over the same services. Its entries differ in how they connect
// to the database.
import type { OpenDatabase } from '../../drizzle/database.ts'
import { SubrequestBudgetExceeded } from '../../lib/platform/subrequest-budget.ts'
import { type Config, ConfigError, warnAboutSettings } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { createLog } from '../../lib/platform/log.ts'
import { runCron } from '../../lib/control-plane/run-cron.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { createApp } from '../app.ts'
import { acceptSocket } from './accept-socket.ts'
import { readWorkerConfig } from './config.ts'
import { describeFromAsset } from './describe-from-asset.ts'

type Env = Record<string, unknown>
/** The binding of `dist/assets/` (wrangler.toml). */
type Assets = { fetch(request: Request): Promise<Response> }
type Context = { waitUntil(promise: Promise<unknown>): void; passThroughOnException(): void; props: unknown }
type Isolate = { services: Services; app: ReturnType<typeof createApp> }

export type WorkerOptions = {
  /** The settings, including `DATABASE_URL`. @throws ConfigError */
  settings: (env: Env) => Env
  /** Connects to the database. */
  connect: (database: Config['database'] & { url: string }) => OpenDatabase
  /** Wraps each invocation and the work that it leaves behind. */
  during?: <Result>(env: Env, work: () => Promise<Result>) => Promise<Result>
}

export function createWorker({ connect, during = (_env, work) => work(), settings }: WorkerOptions) {
  // Created once per isolate, at the first request; it holds nothing of a single request.
  let isolate: Isolate | undefined

  function open(env: Env): Isolate {
    const config: Config = {
      ...readWorkerConfig(settings(env)),
      trustedProxy: 'cloudflare',
      // The cron trigger of wrangler.toml.
      sweepIntervalSeconds: 60,
    }
    const { url } = config.database
    if (url === undefined) throw new ConfigError(['DATABASE_URL is missing'])
    // oxlint-disable-next-line eslint/no-console -- the Worker's log is its console
    const log = createLog(config.logLevel, (line) => console.log(line))
    for (const warning of warnAboutSettings(env)) log('warn', warning)
    const services = createServices(config, connect({ ...config.database, url }), {
      fetch: async (input, init) => {
        try {
          // As a method of another object, the Workers' global fetch throws "Illegal invocation".
          return await fetch(input, init)
        } catch (error) {
          if (!(error instanceof Error && /^too many subrequests/i.test(error.message))) throw error
          log(
            'error',
            `the plan allows fewer subrequests than ${config.subrequestLimit}: set SUBREQUEST_LIMIT (50 on the free plan)`,
          )
          throw new SubrequestBudgetExceeded({ cause: error })
        }
      },
      log,
    })
    const describeApi = describeFromAsset((path) =>
      (env['ASSETS'] as Assets | undefined)?.fetch(new Request(`https://assets.local${path}`)),
    )
    return { services, app: createApp(services, { loopback: false }, { acceptSocket, describeApi }) }
  }

  return {
    async fetch(request: Request, env: Env, context: Context): Promise<Response> {
      try {
        isolate ??= open(env)
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
      const { app } = isolate
      return during(env, async () => app.fetch(request, env, context))
    },

    async scheduled(_event: unknown, env: Env): Promise<void> {
      const { services } = (isolate ??= open(env))
      await during(env, async () => services.log('info', 'sweep', await runCron(services)))
    },
  }
}
