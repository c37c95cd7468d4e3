// How a request is counted, whichever way it came in. By door and not by path: a path has an id in it, and there would be no end
// of them.
import type { Metrics } from '../lib/metrics.ts'

/** What all of A2A is counted as. */
export const A2A = 'A2A'

/** @param seconds until the answer had begun; on Node, of A2A, until it had ended */
export function countRequest(metrics: Metrics, door: string, status: number, seconds: number): void {
  metrics.count('molecule_requests_total', { door, status })
  metrics.observe('molecule_request_seconds', seconds, { door })
}
