// `Prefer` (RFC 7240): how long a caller is willing to wait, and whether it would rather be told later.
import type { Context } from 'hono'
import { MAX_WAIT_SECONDS } from '../../lib/lifecycle/wait.ts'

export type Preferences = {
  /** Seconds, at most {@link MAX_WAIT_SECONDS}; undefined when no wait was asked for. */
  wait: number | undefined
  respondAsync: boolean
}

/** A preference that makes no sense is ignored. */
export function parsePrefer(header: string | undefined): Preferences {
  if (header === undefined) return { wait: undefined, respondAsync: false }
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec(header)?.[1]
  return {
    wait: seconds === undefined ? undefined : Math.min(Number(seconds), MAX_WAIT_SECONDS),
    respondAsync: /(?:^|[,;\s])respond-async(?=$|[,;\s])/i.test(header),
  }
}

/** The wait that is asked for, which the answer confirms. */
export function preferredWait(c: Context): number | undefined {
  const { wait } = parsePrefer(c.req.header('prefer'))
  if (wait !== undefined) c.header('preference-applied', `wait=${wait}`)
  return wait
}
