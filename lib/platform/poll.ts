// Polling: short intervals at first, then one second, and longer ones where each poll is one of few requests that an
// invocation may send.
import { type Core, isStopping } from './context.ts'
import { withRequestBudget } from './subrequest-budget.ts'

/** Requests of the budget that remain for the work after the polling. */
const RESERVED = 5

/** The shortest interval and, where requests are not limited, the longest, in milliseconds. */
const SHORTEST_MS = 100
const LONGEST_MS = 1_000

export type PollOptions = {
  timeoutMs: number
  /** Aborted when no caller waits any longer. */
  signal: AbortSignal | undefined
}

/**
 * Calls `isDone` at intervals until it is true, the timeout or the budget has ended, the signal aborts, or the
 * process shuts down.
 *
 * @param isDone costs one request
 */
export async function pollUntil<Context extends Core>(
  services: Context,
  { signal, timeoutMs }: PollOptions,
  isDone: (services: Context) => Promise<boolean>,
): Promise<void> {
  const counted = withRequestBudget(services)
  const until = services.steady() + timeoutMs
  for (let pause = SHORTEST_MS; ;) {
    const left = until - services.steady()
    const polls = counted.budget.left() - RESERVED
    if (left <= 0 || polls < 1 || signal?.aborted === true || isStopping(services)) return
    await services.sleep(Math.min(pause, left), signal)
    if (await isDone(counted)) return
    pause = Math.min(pause * 1.5, Math.max(LONGEST_MS, left / polls))
  }
}
