// The periodic work of a Node process: a sweep and deliveries, as a Worker's cron trigger runs them.
import { runDeliveries } from '../../lib/control-plane/deliveries.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { sweep } from '../../lib/control-plane/sweep.ts'
import { diagnoseDatabase } from '../../lib/platform/database-errors.ts'
import type { Background } from './http-server.ts'

/**
 * Runs until `services.stopping` aborts, every `sweepIntervalSeconds` after the end of the sweep before.
 * @returns a function that sweeps at once, or again after the sweep that is under way
 */
export function startSweepLoop(services: Services, background: Background): () => void {
  const { config, log, stopping } = services
  let timer: NodeJS.Timeout | undefined
  let lastFailure: string | undefined
  let isRunning = false
  let isWanted = false
  stopping?.addEventListener('abort', () => clearTimeout(timer))

  async function runOnce(): Promise<void> {
    clearTimeout(timer)
    isRunning = true
    isWanted = false
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
    isRunning = false
    const pause = isWanted ? 0 : config.sweepIntervalSeconds * 1000
    if (stopping?.aborted !== true) timer = setTimeout(() => background.waitUntil(runOnce()), pause)
  }
  background.waitUntil(runOnce())
  return () => {
    isWanted = true
    if (!isRunning && stopping?.aborted !== true) background.waitUntil(runOnce())
  }
}
