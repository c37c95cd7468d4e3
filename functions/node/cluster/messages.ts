// What the processes of a server with WORKERS send each other.
import type { MetricsSnapshot } from '../../../lib/platform/metrics.ts'

/** From a worker to the primary process. */
export type WorkerMessage =
  | { kind: 'started'; banner: string }
  /** Requests the metrics of the other workers. */
  | { kind: 'collect'; id: number }
  | { kind: 'snapshot'; id: number; snapshot: MetricsSnapshot }

/** From the primary process to a worker. */
export type PrimaryMessage =
  | { kind: 'stop' }
  /** Requests the worker's own metrics. */
  | { kind: 'snapshot'; id: number }
  | { kind: 'collected'; id: number; snapshots: MetricsSnapshot[] }
