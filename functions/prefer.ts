// `Prefer: wait=30` (RFC 7240): how long a caller is willing to be kept waiting for a workspace to come to rest.
import type { Context } from 'hono'
import { MAX_WAIT_SECONDS } from '../lib/workspaces/wait.ts'

/** Seconds, at most {@link MAX_WAIT_SECONDS}; undefined when no wait was asked for. A preference that makes no sense is ignored. */
export function preferredWait(c: Context): number | undefined {
  const match = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec(c.req.header('prefer') ?? '')
  if (match === null) return undefined
  const seconds = Math.min(Number(match[1]), MAX_WAIT_SECONDS)
  c.header('preference-applied', `wait=${seconds}`)
  return seconds
}
