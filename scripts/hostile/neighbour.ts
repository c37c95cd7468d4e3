// The well-behaved workspace: sends messages to it at a steady rate, and measures how long they take and what they cost the
// server meanwhile.
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, fetch, type RequestInit, type Response } from 'undici'
import { cpuSeconds, mainThreadMs, residentKb } from '../bench/support/process-stats.ts'
import type { ProxiedWorkspace } from '../../test/support/proxied-workspace.ts'
import { workerMemoryMb } from './worker-memory.ts'

export type Runtime = 'node' | 'workerd'

export type Measurement = {
  /** Messages to the neighbour, their 99th percentile in milliseconds, and the slowest `/livez`. */
  messages: number
  p99Ms: number
  slowestLivezMs: number
  failed: number
  /**
   * 99th percentile of the CPU time that the server's main thread worked while a message was under way, for that message and for
   * others. Unlike the latency it does not depend on what else the processors do. Undefined where the system does not show it.
   */
  workP99Ms: number | undefined
  /** Longest CPU time of the server without a turn of its event loop, in milliseconds; undefined in workerd. */
  longestCpuMs: number | undefined
  /** Processor time of the server, in processors; undefined where the system does not show it. */
  cores: number | undefined
  /** Memory of the server afterwards, in MB, in workerd of the Worker alone; undefined where the system does not show it. */
  memoryMb: number | undefined
}

/** Between two messages of each of the neighbour's two senders: together they stay below the limit of a caller. */
const PAUSE_MS = 20

/** How long a message to the neighbour may take before it counts as failed. */
const REQUEST_MS = 30_000

const MESSAGE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'message/send',
  params: { message: { messageId: 'm', kind: 'message', role: 'user', parts: [] } },
})

type CallInit = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> }

export class Neighbour {
  readonly #server: ProxiedWorkspace
  readonly #runtime: Runtime
  readonly #probePort: number
  readonly #dispatcher = new Agent({ connections: 4 })

  /** @param probePort where the server tells its uninterrupted CPU time, and in workerd where its inspector listens */
  constructor(server: ProxiedWorkspace, runtime: Runtime, probePort: number) {
    this.#server = server
    this.#runtime = runtime
    this.#probePort = probePort
  }

  call(path: string, { headers, ...init }: CallInit = {}): Promise<Response> {
    return fetch(`${this.#server.url}${path}`, {
      signal: AbortSignal.timeout(REQUEST_MS),
      dispatcher: this.#dispatcher,
      ...init,
      headers: { ...this.#server.headers, 'content-type': 'application/json', ...headers },
    })
  }

  async measure(seconds: number): Promise<Measurement> {
    const { path: route, pid } = this.#server
    const until = performance.now() + seconds * 1000
    const latencies: number[] = []
    const work: number[] = []
    await this.#longestCpuMs()
    const cpuBefore = cpuSeconds(pid)
    let failed = 0
    let slowestLivezMs = 0
    const timed = async (path: string, init?: CallInit) => {
      const began = performance.now()
      try {
        const response = await this.call(path, init)
        await response.arrayBuffer()
        if (!response.ok) failed++
      } catch {
        failed++
      }
      return performance.now() - began
    }
    const messages = async () => {
      while (performance.now() < until) {
        const workedBefore = mainThreadMs(pid)
        latencies.push(await timed(route, { method: 'POST', body: MESSAGE }))
        const workedAfter = mainThreadMs(pid)
        if (workedBefore !== undefined && workedAfter !== undefined) work.push(workedAfter - workedBefore)
        await sleep(PAUSE_MS)
      }
    }
    const livez = async () => {
      while (performance.now() < until) {
        slowestLivezMs = Math.max(slowestLivezMs, await timed('/livez'))
        await sleep(50)
      }
    }
    await Promise.all([messages(), messages(), livez()])
    const cpuAfter = cpuSeconds(pid)
    return {
      messages: latencies.length,
      p99Ms: percentile99(latencies) ?? 0,
      slowestLivezMs,
      failed,
      workP99Ms: percentile99(work),
      longestCpuMs: await this.#longestCpuMs(),
      cores: cpuBefore === undefined || cpuAfter === undefined ? undefined : (cpuAfter - cpuBefore) / seconds,
      memoryMb: await this.memoryMb(),
    }
  }

  async memoryMb(): Promise<number | undefined> {
    if (this.#runtime === 'workerd') {
      // A run on Node does not load what runs workerd.
      const { WORKER } = await import('../../test/support/worker.ts')
      return workerMemoryMb(this.#probePort, WORKER, async () => (await this.call('/livez')).arrayBuffer())
    }
    const kb = residentKb(this.#server.pid)
    return kb === undefined ? undefined : Math.round(kb / 1024)
  }

  /** Since the last call. */
  async #longestCpuMs(): Promise<number | undefined> {
    if (this.#runtime === 'workerd') return undefined
    return Number(await (await fetch(`http://127.0.0.1:${this.#probePort}`)).text())
  }
}

function percentile99(values: number[]): number | undefined {
  values.sort((a, b) => a - b)
  return values[Math.floor(values.length * 0.99)]
}
