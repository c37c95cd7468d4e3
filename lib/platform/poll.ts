// Looking again until something has come about: eagerly at first, then every second, and less often where each look is one of
// few requests that an invocation has.
import type { Core } from './context.ts'
import { withRequestBudget } from './subrequest-budget.ts'
import { isStopping } from './context.ts'

/** Requests that are left to whoever waits, for what comes after. */
const KEPT = 5

/** Shortest pause and, where looks are free, the longest, in milliseconds. */
const SHORTEST_MS = 100
const LONGEST_MS = 1_000

export type PollOptions = {
  ms: number
  /** Aborted when nobody waits any more. */
  signal: AbortSignal | undefined
}

/** Looks after pauses until `look` says true, patience or the budget is over, the signal aborts, or the process is to end. A look is one statement. */
export async function pollUntil<Context extends Core>(
  services: Context,
  { ms, signal }: PollOptions,
  look: (services: Context) => Promise<boolean>,
): Promise<void> {
  const counted = withRequestBudget(services)
  const until = services.now().getTime() + ms
  for (let pause = SHORTEST_MS; ;) {
    const left = until - services.now().getTime()
    const looks = counted.budget.left() - KEPT
    if (left <= 0 || looks < 1 || signal?.aborted === true || isStopping(services)) return
    await services.sleep(Math.min(pause, left), signal)
    if (await look(counted)) return
    pause = Math.min(pause * 1.5, Math.max(LONGEST_MS, left / looks))
  }
}
