// Composes the services from a configuration and an open database: the same on every runtime, so that the entries differ
// only in what they open and where they listen.
import type { OpenDatabase } from '../drizzle/database.ts'
import type { Config } from './config.ts'
import { createFlyClient } from './fly/client.ts'
import { createFlyProvisioner } from './provisioner/fly.ts'
import type { Log } from './log.ts'
import type { Services } from './services.ts'

export type Outside = { fetch: typeof fetch; log: Log; now?: () => Date; sleep?: Services['sleep'] }

export function createServices(config: Config, database: OpenDatabase, outside: Outside): Services {
  const { log, sleep = realSleep } = outside
  const fly = createFlyClient({
    token: config.fly.token,
    baseUrl: config.fly.apiUrl,
    fetch: outside.fetch,
    sleep,
    onCall: ({ action, status, ms, attempt, requestId }) => {
      log('debug', 'fly', { action, status, ms, attempt, fly_request_id: requestId })
    },
  })
  return {
    config,
    db: database.db,
    driver: database.driver,
    provisioner: createFlyProvisioner({ fly, apps: config.fly.apps, proxyUrl: config.fly.proxyUrl }),
    fetch: outside.fetch,
    now: outside.now ?? (() => new Date()),
    log,
    sleep,
  }
}

/** Resolves after `ms`, or as soon as the signal aborts. */
function realSleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}
