// The control plane in this process, over Postgres or PGlite.
import { createApp } from '../../functions/app.ts'
import { type Config, parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { runDeliveries } from '../../lib/control-plane/deliveries.ts'
import { runRetention } from '../../lib/control-plane/retention.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { sweep } from '../../lib/control-plane/sweep.ts'
import { openTestDatabase } from './database.ts'
import type { Logged, Place, PlaceOptions } from './place.ts'

export async function openNodePlace(options: PlaceOptions): Promise<Place> {
  const database = await openTestDatabase()
  const background = new Set<Promise<unknown>>()
  const stop = new AbortController()
  const logged: Logged[] = []
  const context = {
    waitUntil(promise: Promise<unknown>) {
      const task = promise
        .finally(() => background.delete(task))
        .catch((error: unknown) => {
          // What is still at it when the data is closed fails, and nobody is to hear of it.
          if (!stop.signal.aborted) throw error
        })
      background.add(task)
    },
    passThroughOnException() {},
    props: {},
  }
  const created = createServices(configOf(options.env), database, {
    fetch: options.outside,
    canRunInBackground: true,
    stopping: stop.signal,
    log: (level, message, fields = {}) => void logged.push({ level, message, fields }),
    now: () => new Date(Date.now() + options.offset()),
    sleep: quickSleep,
  })
  const services: Services = {
    ...created,
    provisioner: { ...created.provisioner, launchRate: options.launchRate },
  }
  const app = createApp(services, { loopback: options.loopback })
  return {
    db: database.db,
    inside: { app, services },
    fetch: async (request) => app.fetch(request, {}, context),
    sweep: (sweepOptions) => sweep(services, sweepOptions),
    deliver: () => runDeliveries(services),
    keepHouse: () => runRetention(services),
    flush: () => services.activity.flush(),
    async setLongBackground(on) {
      services.canRunInBackground = on
    },
    logs: async () => logged,
    async settled() {
      while (background.size > 0) await Promise.allSettled(background)
    },
    async close() {
      stop.abort()
      await Promise.race([Promise.allSettled(background), new Promise((done) => setTimeout(done, 1_000))])
      await database.close()
    },
  }
}

/** Nothing here is real: without ADMIN_TOKEN it is open, as the embedded mode is. */
export function configOf(env: Record<string, string>): Config {
  const parsed = parseConfig(env)
  return { ...parsed, fly: { ...parsed.fly, emulator: true } }
}

/** Waiting is twenty times as quick; the clock is not moved by it. */
export const quickSleep: Services['sleep'] = (ms, signal) =>
  new Promise((done) => setTimeout(done, signal?.aborted === true ? 0 : ms / 20))
