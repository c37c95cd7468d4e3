// The `Prefer` header (RFC 7240): how long a caller waits for the outcome, and whether it prefers an asynchronous
// answer.
import type { Context } from 'hono'
import { MAX_WAIT_SECONDS } from '../../lib/lifecycle/wait.ts'

export type Preferences = {
  /** Seconds, at most {@link MAX_WAIT_SECONDS}; undefined when the caller does not wait. */
  wait: number | undefined
  respondAsync: boolean
}

/** A preference that cannot be parsed is ignored, as RFC 7240 requires. */
export function parsePrefer(header: string | undefined): Preferences {
  if (header === undefined) return { wait: undefined, respondAsync: false }
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec(header)?.[1]
  return {
    wait: seconds === undefined ? undefined : Math.min(Number(seconds), MAX_WAIT_SECONDS),
    respondAsync: /(?:^|[,;\s])respond-async(?=$|[,;\s])/i.test(header),
  }
}

/** The requested wait in seconds. The response confirms it in `Preference-Applied`. */
export function preferredWait(c: Context): number | undefined {
  const { wait } = parsePrefer(c.req.header('prefer'))
  if (wait !== undefined) c.header('preference-applied', `wait=${wait}`)
  return wait
}
