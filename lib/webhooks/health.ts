// How an endpoint does, as seen over a batch of deliveries: when to pause it, and when to disable it.
import type { StoredAttempt } from '../../drizzle/schema/index.ts'
import type { Store } from '../platform/context.ts'
import type { Claimed } from './claim.ts'
import { DOWN_AFTER, isGivenUp, restUntil } from './retry.ts'
import type { AttemptOutcome } from './send.ts'

export type Health = {
  failures: number
  failingSince: Date | null
  restsUntil: Date | null
  lastSuccessAt: Date | null
  lastFailure: StoredAttempt | null
  /** Why nothing is to be delivered to it any more. */
  disable: 'gone' | 'failing' | undefined
  /** It was down and is not any more: deliveries that wait for a later attempt need not wait. */
  recovered: boolean
}

/** The health that an endpoint's row has stored. */
export const healthOf = (endpoint: Claimed): Health => {
  const { failingSince, failures, lastFailure, lastSuccessAt, restsUntil } = endpoint
  return {
    failures,
    failingSince,
    restsUntil,
    lastSuccessAt,
    lastFailure,
    disable: undefined,
    recovered: false,
  }
}

export type HealthTracker = ReturnType<typeof trackHealth>

/** Follows the outcomes of a batch. */
export function trackHealth({ now }: Store, endpoint: Claimed) {
  const health = healthOf(endpoint)
  let begun = 0
  /** What the endpoint asked for, in milliseconds. */
  let retryAfterMs = 0
  return {
    begin: () => void begun++,
    /** Whether to stop sending. An endpoint that is down gets one delivery; if that succeeds, the others follow. */
    isEnough: () =>
      health.disable !== undefined || retryAfterMs > 0 || (begun > 0 && health.failures >= DOWN_AFTER),
    record(outcome: AttemptOutcome) {
      const at = now()
      if (outcome.kind === 'delivered') {
        health.recovered ||= endpoint.failures >= DOWN_AFTER
        health.failures = 0
        health.failingSince = null
        health.lastSuccessAt = at
        return
      }
      const { message, status } = outcome
      health.failures++
      health.failingSince ??= at
      health.lastFailure = { at: at.toISOString(), status, message }
      retryAfterMs = Math.max(retryAfterMs, outcome.retryAfterMs ?? 0)
      if (status === 410) health.disable = 'gone'
      else if (isGivenUp(health.failingSince, at)) health.disable = 'failing'
    },
    health: (): Health => ({
      ...health,
      restsUntil: restUntil(health.failures, now(), Math.random(), retryAfterMs) ?? null,
    }),
  }
}
