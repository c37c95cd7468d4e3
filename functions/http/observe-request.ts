// The span, the log line and the metrics of one request, for the Hono app and for Node's A2A handler. Metrics are
// labelled by route, never by path: a path contains ids, and each id would add a time series.
import type { Services } from '../../lib/control-plane/services.ts'
import type { Span } from '../../lib/platform/trace.ts'

/** The route label of every A2A request. */
export const A2A = 'A2A'

/** The route label of requests that no route matches. */
export const NO_ROUTE = 'none'

export type ObservedRequest = {
  method: string
  /** The URL's path, without its query. */
  path: string
  requestId: string
  /** The caller's W3C `traceparent` header. */
  traceparent: string | undefined
}

export type RequestOutcome = {
  /** Method and pattern (`GET /workspaces/:id`), {@link A2A} or {@link NO_ROUTE}. */
  route: string
  status: number
  workspaceId: string | undefined
}

/**
 * Runs `handle` as a server span, then logs and counts its outcome. The duration lasts until `handle` resolves: for
 * the app until the response begins, for A2A on Node until it ends.
 * @param outcomeOf asked once `handle` has resolved
 */
export function observeRequest(
  { log, metrics, tracer }: Pick<Services, 'log' | 'metrics' | 'tracer'>,
  { method, path, requestId, traceparent: parent }: ObservedRequest,
  handle: () => Promise<void>,
  outcomeOf: () => RequestOutcome,
): Promise<void> {
  const started = performance.now()
  const attributes = { 'http.request.method': method, 'molecule.request_id': requestId }
  const record = (span: Span) => {
    const { route, status, workspaceId } = outcomeOf()
    const seconds = (performance.now() - started) / 1000
    metrics.count('molecule_requests_total', { route, status })
    metrics.observe('molecule_request_seconds', seconds, { route })
    if (route !== NO_ROUTE) span.rename(route)
    span.set({
      'http.route': route === NO_ROUTE || route === A2A ? undefined : route.replace(/^\S+ /, ''),
      'http.response.status_code': status,
      'molecule.workspace_id': workspaceId,
    })
    if (status >= 500) span.fail(String(status))
    log('info', 'request', {
      request_id: requestId,
      method,
      path,
      status,
      ms: Math.round(seconds * 1000),
      workspace_id: workspaceId,
      traceparent: span.traceparent ?? parent,
    })
  }
  return tracer.span(method, { kind: 'server', parent, attributes }, (span) =>
    handle().then(() => record(span)),
  )
}
