// The primary process of a server with WORKERS: it starts the workers, which share one port, replaces those that end, and
// stops them. It answers no request itself.
import cluster, { type Worker } from 'node:cluster'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../../lib/config/config.ts'
import { createLog, type Log } from '../../../lib/platform/log.ts'
import type { MetricsSnapshot } from '../../../lib/platform/metrics.ts'
import { onStopSignals } from '../stop-signals.ts'
import type { PrimaryMessage, WorkerMessage } from './messages.ts'

/** How long a worker may take to report its metrics. One that is busy for longer is missing in the sum. */
const SNAPSHOT_MS = 1_000

/** Pauses before a worker that ended by itself is replaced: they double while workers end before they have started. */
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000

/** How long after the grace period of a shutdown workers may take for their last writes. */
const LAST_WRITES_MS = 6_000

/** The first worker could not start, and has said why. */
export class WorkerFailed extends Error {
  override name = 'WorkerFailed'
  readonly exitCode: number

  constructor(exitCode: number) {
    super(`the first worker ended with exit code ${exitCode}`)
    this.exitCode = exitCode
  }
}

export const workerCount = ({ workers }: Pick<Config, 'workers'>): number =>
  workers === 'auto' ? availableParallelism() : workers

/**
 * Starts the workers, and stops them at SIGINT or SIGTERM. SIGHUP replaces them one by one.
 * @param print receives the lines of the log
 * @returns the message to show when all have started
 * @throws WorkerFailed
 */
export async function startWorkers(config: Config, print: (line: string) => void): Promise<string> {
  const workers = new WorkerGroup(createLog(config.logLevel, print))
  const count = workerCount(config)
  // A mistake in the settings is reported by one worker, and not by all.
  const banner = await workers.start()
  await Promise.all(Array.from({ length: count - 1 }, () => workers.start()))
  const stop = async () => {
    const overdue = setTimeout(() => workers.kill(), config.shutdownGraceMs + LAST_WRITES_MS)
    const isClean = await workers.stop()
    clearTimeout(overdue)
    process.exit(isClean ? 0 : 1)
  }
  onStopSignals(
    () => void stop(),
    () => workers.kill(),
  )
  process.on('SIGHUP', () => void workers.replaceAll())
  return banner
}

class WorkerGroup {
  readonly #log: Log
  readonly #running = new Set<Worker>()
  readonly #leaving = new Set<Worker>()
  #isStopping = false
  #replacing: Promise<void> = Promise.resolve()
  #lastCollection = 0

  constructor(log: Log) {
    this.#log = log
  }

  /** @returns the worker's start message. @throws WorkerFailed if it ends before it has started */
  async start(): Promise<string> {
    const worker = cluster.fork()
    const banner = await new Promise<string>((resolve, reject) => {
      worker.once('exit', (code) => reject(new WorkerFailed(code ?? 1)))
      worker.on('message', (message: WorkerMessage) => {
        if (message.kind === 'started') resolve(message.banner)
        else if (message.kind === 'collect') void this.#collectFor(worker, message.id)
      })
    })
    this.#running.add(worker)
    worker.once('exit', (code, signal) => {
      this.#running.delete(worker)
      if (this.#isStopping || this.#leaving.has(worker)) return
      this.#log('error', 'a worker ended, and is replaced', { pid: worker.process.pid, code, signal })
      void this.#replaceLost()
    })
    return banner
  }

  async #replaceLost(): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; !this.#isStopping; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      await sleep(pause)
      if (this.#isStopping || (await this.#tryStart())) return
    }
  }

  async #tryStart(): Promise<boolean> {
    try {
      await this.start()
      return true
    } catch (error) {
      if (!this.#isStopping) this.#log('error', 'a worker could not start', { error })
      return false
    }
  }

  /** Starts a new worker before it stops an old one, one by one. Ends at the first that does not start. */
  replaceAll(): Promise<void> {
    const replace = async () => {
      const old = Array.from(this.#running)
      for (const worker of old) {
        if (this.#isStopping || !(await this.#tryStart())) return
        this.#leaving.add(worker)
        await stopWorker(worker)
        this.#leaving.delete(worker)
      }
    }
    this.#replacing = this.#replacing.then(replace)
    return this.#replacing
  }

  /** @returns whether all workers ended as they should */
  async stop(): Promise<boolean> {
    this.#isStopping = true
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)
    const codes = await Promise.all(
      workers.map((worker) => (this.#running.has(worker) ? stopWorker(worker) : cancelStart(worker))),
    )
    return codes.every((code) => code === 0)
  }

  kill(): void {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL')
  }

  async #collectFor(asking: Worker, id: number): Promise<void> {
    const others = [...this.#running].filter((worker) => worker !== asking)
    const found = await Promise.all(others.map((worker) => this.#snapshotOf(worker)))
    const snapshots = found.filter((snapshot) => snapshot !== undefined)
    if (asking.isConnected()) send(asking, { kind: 'collected', id, snapshots })
  }

  #snapshotOf(worker: Worker): Promise<MetricsSnapshot | undefined> {
    const id = ++this.#lastCollection
    return new Promise((resolve) => {
      const end = (snapshot?: MetricsSnapshot) => {
        clearTimeout(patience)
        worker.off('message', listen)
        resolve(snapshot)
      }
      const listen = (message: WorkerMessage) => {
        if (message.kind === 'snapshot' && message.id === id) end(message.snapshot)
      }
      const patience = setTimeout(end, SNAPSHOT_MS)
      worker.on('message', listen)
      if (worker.isConnected()) send(worker, { kind: 'snapshot', id })
    })
  }
}

/** @returns the exit code; null after a signal */
async function stopWorker(worker: Worker): Promise<number | null> {
  if (worker.isDead()) return worker.process.exitCode
  const exited = new Promise<number | null>((resolve) => worker.once('exit', resolve))
  if (worker.isConnected()) send(worker, { kind: 'stop' })
  return exited
}

/**
 * A worker that has not started yet ends at once, as a server of one process does: on a busy computer its start may take longer than
 * the grace period. One that has just started ends in good order.
 */
async function cancelStart(worker: Worker): Promise<0> {
  if (worker.isDead()) return 0
  const exited = new Promise((resolve) => worker.once('exit', resolve))
  worker.process.kill('SIGTERM')
  await exited
  return 0
}

function send(worker: Worker, message: PrimaryMessage): void {
  // A worker that has just ended needs no message.
  worker.send(message, () => {})
}
