// Starts the control plane in this process, over Postgres or PGlite.
import { setTimeout as delay } from 'node:timers/promises'
import { createApp } from '../../functions/app.ts'
import { describeApi } from '../../functions/description/describe-api.ts'
import { nodeDigests } from '../../functions/node/digests.ts'
import { type Config, parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { LONG_LIVED } from '../../lib/control-plane/long-lived.ts'
import { runDeliveries } from '../../lib/control-plane/deliveries.ts'
import { runRetention } from '../../lib/control-plane/retention.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { sweep } from '../../lib/control-plane/sweep.ts'
import { provideDigests } from '../../lib/platform/digest.ts'
import { type After, after } from '../../lib/platform/sleep.ts'
import type { ControlPlane, ControlPlaneOptions, Logged } from './control-plane.ts'
import { openTestDatabase } from './database.ts'

export async function startNodeControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  provideDigests(nodeDigests)
  const database = await openTestDatabase()
  const background = new Set<Promise<unknown>>()
  const stop = new AbortController()
  const logged: Logged[] = []
  const context = {
    waitUntil(promise: Promise<unknown>) {
      const task = promise
        .finally(() => background.delete(task))
        .catch((error: unknown) => {
          // Work that still runs when the database is closed fails, which is not an error of the test.
          if (!stop.signal.aborted) throw error
        })
      background.add(task)
    },
    passThroughOnException() {},
    props: {},
  }
  const created = createServices(configOf(options.env), database, {
    fetch: options.network,
    longLived: LONG_LIVED,
    stopping: stop.signal,
    log: (level, message, fields = {}) => void logged.push({ level, message, fields }),
    now: () => new Date(Date.now() + options.offset()),
    after: soon,
  })
  const services: Services = {
    ...created,
    provisioner: {
      ...created.provisioner,
      launchRate: options.launchRate,
      execRate: { perSecond: 1_000, burst: 1_000 },
    },
  }
  const app = createApp(services, { loopback: options.loopback }, { describeApi })
  return {
    db: database.db,
    inProcess: { app, services },
    fetch: async (request) => app.fetch(request, {}, context),
    sweep: (sweepOptions) => sweep(services, sweepOptions),
    deliver: () => runDeliveries(services),
    runRetention: () => runRetention(services),
    flushActivity: () => services.activity.flush(),
    async setCanRunInBackground(on) {
      services.canRunInBackground = on
    },
    logs: async () => logged,
    async untilIdle() {
      while (background.size > 0) await Promise.allSettled(background)
    },
    async close() {
      stop.abort()
      await Promise.race([Promise.allSettled(background), delay(1_000)])
      await database.close()
    },
  }
}

/** Fly is emulated, so the API is open without ADMIN_TOKEN, as it is in embedded mode. */
export function configOf(env: Record<string, string>): Config {
  const parsed = parseConfig(env)
  return { ...parsed, backend: 'emulator' }
}

/** Timers take a twentieth of their time. The clock does not move with them. */
const soon: After = (ms, work) => after(ms / 20, work)
