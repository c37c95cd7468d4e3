// How a request is counted and traced, whichever way it came in. By door and not by path: a path has an id in it, and there
// would be no end of them.
import type { Metrics } from '../../lib/platform/metrics.ts'
import type { Span } from '../../lib/platform/trace.ts'

/** What all of A2A is counted as. */
export const A2A = 'A2A'

/** @param seconds until the answer had begun; on Node, of A2A, until it had ended */
export function countRequest(metrics: Metrics, door: string, status: number, seconds: number): void {
  metrics.count('molecule_requests_total', { door, status })
  metrics.observe('molecule_request_seconds', seconds, { door })
}

/** Names a request's span by its door, and says how it ended. */
export function finishSpan(span: Span, door: string, status: number, workspaceId: string | undefined): void {
  if (door !== 'none') span.rename(door)
  span.set({
    'http.route': door === 'none' || door === A2A ? undefined : door.replace(/^\S+ /, ''),
    'http.response.status_code': status,
    'molecule.workspace_id': workspaceId,
  })
  if (status >= 500) span.fail(String(status))
}
