// The periodic work of a Node process: a sweep and deliveries, as a Worker's cron trigger runs them.
import { runDeliveries } from '../../lib/control-plane/deliveries.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { sweep } from '../../lib/control-plane/sweep.ts'
import { diagnoseDatabase } from '../../lib/platform/database-errors.ts'
import type { Background } from './http-server.ts'

/** Runs until `services.stopping` aborts, every `sweepIntervalSeconds` after the end of the sweep before. */
export function startSweepLoop(services: Services, background: Background): void {
  const { config, log, stopping } = services
  let timer: NodeJS.Timeout | undefined
  let lastFailure: string | undefined
  stopping?.addEventListener('abort', () => clearTimeout(timer))

  async function runOnce(): Promise<void> {
    // Deliveries last as long as agents take, and sweeps do not wait for them.
    background.waitUntil(runDeliveries(services))
    try {
      log('debug', 'sweep', await sweep(services))
      lastFailure = undefined
    } catch (error) {
      // A database that is down is reported once, and not with every sweep.
      const failure = diagnoseDatabase(error)?.message
      const isKnown = failure !== undefined && failure === lastFailure
      log(isKnown ? 'debug' : 'error', 'the sweep failed', { error })
      lastFailure = failure
    }
    if (stopping?.aborted !== true)
      timer = setTimeout(() => background.waitUntil(runOnce()), config.sweepIntervalSeconds * 1000)
  }
  background.waitUntil(runOnce())
}
