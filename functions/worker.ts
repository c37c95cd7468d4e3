// Cloudflare entry: requests and the cron trigger over the same services, with Neon over HTTP as the database.
import { connectNeon } from '../drizzle/neon.ts'
import { type Config, ConfigError, parseConfig } from '../lib/config.ts'
import { createServices } from '../lib/create-services.ts'
import { deliverAll } from '../lib/deliveries.ts'
import { createLog } from '../lib/log.ts'
import type { Services } from '../lib/services.ts'
import { sweep } from '../lib/sweep.ts'
import { createApp } from './app.ts'

type Context = { waitUntil(promise: Promise<unknown>): void; passThroughOnException(): void; props: unknown }
type Place = { services: Services; app: ReturnType<typeof createApp> }

// Once per isolate, on first use: neon-http keeps no socket, so nothing here belongs to one request.
let place: Place | undefined

/** What a Worker cannot do without, and why. */
const REQUIRED = {
  DATABASE_URL: 'a Worker needs a Neon connection string',
  CONTAINER_BACKEND: 'the embedded emulator does not run on Workers; set it to flyio',
  FLY_API_TOKEN: 'a Worker needs a token for the Fly app',
  FLY_WORKSPACE_APP: 'a Worker needs the Fly app that its machines are made in',
  PUBLIC_URL: 'agents need to know where to call home',
  ADMIN_TOKEN: 'a Worker is closed without it',
}

function open(env: Record<string, unknown>): Place {
  const config: Config = {
    ...readConfig(env),
    trustedProxy: 'cloudflare',
    // As wrangler.toml has it.
    sweepIntervalSeconds: 60,
  }
  if (config.database.url === undefined) throw new ConfigError(['DATABASE_URL is missing'])
  // oxlint-disable-next-line eslint/no-console -- the Worker's log is its console
  const log = createLog(config.logLevel, (line) => console.log(line))
  const services = createServices(config, connectNeon(config.database.url, config.database.neonEndpoint), {
    // Called as a method of another object, the global fetch of Workers throws "Illegal invocation".
    fetch: (input, init) => fetch(input, init),
    log,
    longBackground: false,
  })
  return { services, app: createApp(services, { loopback: false }) }
}

/** @throws ConfigError with everything that is missing or wrong, not with the first of it */
function readConfig(env: Record<string, unknown>): Config {
  const missing = Object.entries(REQUIRED).filter(([name]) => env[name] === undefined || env[name] === '')
  const problems = missing.map(([name, why]) => `${name} is missing: ${why}`)
  let config: Config | undefined
  try {
    config = parseConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const named = (problem: string) => missing.some(([name]) => problem.startsWith(`${name} `))
    problems.push(...error.problems.filter((problem) => !named(problem)))
  }
  if (config === undefined || problems.length > 0) throw new ConfigError(problems)
  return config
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
    const [summary] = await Promise.all([sweep(place.services), deliverAll(place.services)])
    place.services.log('info', 'sweep', summary)
  },
}
