// A worker's side of a server with WORKERS: it reports its start, stops when the primary process says so, and adds up the
// metrics of all workers.
import cluster from 'node:cluster'
import type { Metrics, MetricsSnapshot } from '../../../lib/platform/metrics.ts'
import type { PrimaryMessage, WorkerMessage } from './messages.ts'

/** How long a scrape waits for the metrics of the others. */
const COLLECT_MS = 3_000

/** The number of this worker, from 1; undefined in a server of one process. */
export const workerNumber = (): number | undefined => cluster.worker?.id

export const reportStarted = (banner: string): void => send({ kind: 'started', banner })

// Listens from the beginning: a worker may be stopped while it starts.
const stopRequested = new Promise<void>((resolve) => {
  if (cluster.isWorker) process.on('message', ({ kind }: PrimaryMessage) => kind === 'stop' && resolve())
})

/** Calls back when the primary process wants this worker to stop. */
export const onStop = (stop: () => void): void => void stopRequested.then(stop)

/**
 * Lets the primary process read the metrics of this worker.
 * @returns reads those of the other workers; undefined in a server of one process
 */
export function shareMetrics(metrics: Metrics): (() => Promise<MetricsSnapshot[]>) | undefined {
  if (!cluster.isWorker) return undefined
  const waiting = new Map<number, (snapshots: MetricsSnapshot[]) => void>()
  let last = 0
  process.on('message', (message: PrimaryMessage) => {
    if (message.kind === 'snapshot') send({ kind: 'snapshot', id: message.id, snapshot: metrics.snapshot() })
    else if (message.kind === 'collected') waiting.get(message.id)?.(message.snapshots)
  })
  return () => {
    const id = ++last
    return new Promise((resolve) => {
      const end = (snapshots: MetricsSnapshot[]) => {
        clearTimeout(patience)
        waiting.delete(id)
        resolve(snapshots)
      }
      const patience = setTimeout(end, COLLECT_MS, [])
      waiting.set(id, end)
      send({ kind: 'collect', id })
    })
  }
}

function send(message: WorkerMessage): void {
  if (process.connected) process.send?.(message)
}
