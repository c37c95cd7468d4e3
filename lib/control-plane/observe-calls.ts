// Counts, times, traces and logs the calls to the provider of machines, whichever it is: the clients report each attempt.
import type { Log } from '../platform/log.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Tracer } from '../platform/trace.ts'

/** One attempt. `status` is 0 when the provider did not answer. */
export type ProviderCall = {
  action: string
  status: number
  ms: number
  app?: string
  /** The id that the provider's support asks for. */
  requestId?: string
  /** 1 for the first, and for clients that repeat nothing. */
  attempt?: number
}

export type OnCall = (call: ProviderCall) => void

/** @param provider `fly` or `docker`: spans and the log name it */
export const observeCalls =
  (provider: string, { log, metrics, tracer }: { log: Log; metrics: Metrics; tracer: Tracer }): OnCall =>
  ({ action, app, attempt = 1, ms, requestId, status }) => {
    const outcome = status === 0 ? 'no_answer' : status < 400 ? 'ok' : String(status)
    metrics.count('molecule_provider_calls_total', { action, outcome })
    metrics.observe('molecule_provider_call_seconds', ms / 1000, { action })
    tracer.record(`${provider} ${action}`, ms, {
      kind: 'client',
      attributes: {
        [`${provider}.action`]: action,
        [`${provider}.app`]: app,
        [`${provider}.request_id`]: requestId,
        'http.response.status_code': status === 0 ? undefined : status,
        'http.request.resend_count': attempt === 1 ? undefined : attempt - 1,
      },
      failed: outcome === 'ok' ? undefined : outcome,
    })
    log('debug', provider, { action, app, status, ms, attempt, provider_request_id: requestId })
  }
