// Records deliveries that were not taken, with the name of their hook: a sender such as GitHub does not repeat them, and shows
// the refusal only in its own log.
import { insertEvents } from '../events/append-event.ts'
import { ProxyError } from '../a2a/errors/proxy-error.ts'
import { isDatabaseUnavailable } from '../platform/database-errors.ts'
import { DomainError } from '../platform/errors.ts'
import type { HookContext } from './context.ts'
import type { Scheme } from './verify.ts'

/** The hook that refused; without a workspace for reports of published images. */
export type RefusingHook = { workspaceId: string | null; name: string; scheme: Scheme }

export type Refusal = {
  /** `signature`, `disabled`, `no_secret`, or the code of the error. */
  reason: string
  message: string
  /** Length of the body, where it is known. */
  bytes: number | null
}

/**
 * Every refusal is counted and logged. At most one event a minute is written for a hook and a reason, because anyone who
 * knows the address could fill the log of events.
 */
export async function recordRefusal(
  { countRefusal, db, log, metrics, now }: HookContext,
  { name: hook, scheme, workspaceId }: RefusingHook,
  { bytes, message, reason }: Refusal,
): Promise<void> {
  metrics.count('molecule_hook_refusals_total', { hook, scheme, reason })
  const facts = { hook, scheme, reason, message, bytes }
  log('warn', 'a webhook was refused', { workspace_id: workspaceId, ...facts })
  if (countRefusal(`${workspaceId} ${hook} ${reason}`).retryAfterSeconds !== undefined) return
  try {
    await insertEvents(db, { event: 'hook_delivery_refused', workspaceId, at: now(), payload: facts })
  } catch (error) {
    log('error', 'the event of a refused webhook could not be written', {
      workspace_id: workspaceId,
      hook,
      error,
    })
  }
}

/** The refusal that an error means; undefined for failures of this server, which the log has. */
export function refusalOf(error: unknown, bytes: number): Refusal | undefined {
  if (error instanceof ProxyError)
    return { reason: error.reason.toLowerCase(), message: error.message, bytes }
  if (error instanceof DomainError && error.code !== 'unauthenticated')
    return { reason: error.code, message: error.message, bytes }
  if (isDatabaseUnavailable(error))
    return { reason: 'unavailable', message: 'the database did not answer', bytes }
  return undefined
}
