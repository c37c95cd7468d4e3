// Runs attacks one after the other against a real server and measures its other workspace meanwhile: the latency of messages,
// liveness and memory.
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, fetch, type RequestInit, type Response } from 'undici'
import { cpuSeconds, residentKb } from '../bench/support/process-stats.ts'
import { startProxiedWorker } from '../../test/support/proxied-worker.ts'
import { freePorts } from '../../test/support/ports.ts'
import { type ProxiedWorkspace, startProxiedWorkspace } from '../../test/support/proxied-workspace.ts'
import type { AgentsCommand } from './agents.ts'
import type { AttackerCommand } from './attacker.ts'
import type { Attack } from './attacks/attack.ts'
import { startHelper } from './helper-process.ts'

export type Runtime = 'node' | 'workerd'

export type AttackResult = {
  name: string
  /** Messages to the neighbour, their 99th percentile in milliseconds, and the slowest `/livez`. */
  messages: number
  p99Ms: number
  slowestLivezMs: number
  failed: number
  /** Longest CPU time of the server without a turn of its event loop, in milliseconds; undefined in workerd. */
  longestCpuMs: number | undefined
  /** Processor time of the server, in processors; undefined where the system does not show it. */
  cores: number | undefined
  /** Memory of the server after the attack, in MB; undefined where the system does not show it. */
  memoryMb: number | undefined
}

export type RunOptions = {
  runtime: Runtime
  /** How long each attack lasts. */
  seconds: number
  /** A Postgres with our tables. */
  databaseUrl: string
  report: (result: AttackResult) => void
}

/** The limits of a caller and of a workspace as they are without settings (docs/configuration.md). */
const DEFAULT_LIMITS = { A2A_MAX_IN_FLIGHT: '256', A2A_RATE_PER_MINUTE: '6000' }

/** The first result is that of a server without an attack. */
export async function runAttacks(attacks: readonly Attack[], options: RunOptions): Promise<void> {
  const { databaseUrl, report, runtime, seconds } = options
  const agents = await startHelper<AgentsCommand>('agents.ts')
  const attacker = await startHelper<AttackerCommand>('attacker.ts')
  const { url: agentUrl } = agents.ready as { url: string }
  const [cpuPort = 0] = await freePorts(1)
  const server =
    runtime === 'node'
      ? await startProxiedWorkspace(agentUrl, {
          databaseUrl,
          nodeOption: `--import=${new URL('uninterrupted-cpu.ts', import.meta.url).href}`,
          settings: { ...DEFAULT_LIMITS, UNINTERRUPTED_CPU_PORT: String(cpuPort) },
        })
      : await startProxiedWorker(agentUrl, { databaseUrl, settings: DEFAULT_LIMITS })
  const neighbour = new Neighbour(server, runtime === 'node' ? cpuPort : undefined)
  try {
    const hostile = await createHostileWorkspace(neighbour)
    const hostileMachine = hostile.machineId
    await agents.send({ hostileMachine, attack: undefined })
    const { agentToken, id: workspaceId, operatorToken } = hostile
    await attacker.send({ target: { url: server.url, workspaceId, agentToken, operatorToken } })

    // The first requests of a process take longer.
    await neighbour.measure('warm-up', seconds)
    report(await neighbour.measure('nothing (the quiet value)', seconds))
    for (const { name } of attacks) {
      await agents.send({ hostileMachine, attack: name })
      await attacker.send({ attack: name })
      report(await neighbour.measure(name, seconds))
      await attacker.send({ attack: null })
      await agents.send({ hostileMachine, attack: undefined })
      await sleep(500)
    }
  } finally {
    await attacker.stop()
    await server.stop()
    await agents.stop()
  }
}

async function createHostileWorkspace(
  neighbour: Neighbour,
): Promise<{ id: string; machineId: string; agentToken: string; operatorToken: string }> {
  const post = async (path: string, json: object) => {
    const init = { method: 'POST', body: JSON.stringify(json), headers: { prefer: 'wait=30' } }
    return (await (await neighbour.call(path, init)).json()) as Record<string, string>
  }
  const { id = '', machine_id: machineId = '' } = await post('/workspaces', {
    name: 'hostile',
    runtime: 'hermes',
  })
  const { token: agentToken = '' } = await post(`/workspaces/${id}/tokens`, {})
  // Its messages are counted apart from those to the neighbour.
  const { token: operatorToken = '' } = await post('/tokens', { name: 'hostile', scope: 'operate' })
  return { id, machineId, agentToken, operatorToken }
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

class Neighbour {
  readonly #server: ProxiedWorkspace
  readonly #cpuPort: number | undefined
  readonly #dispatcher = new Agent({ connections: 4 })

  constructor(server: ProxiedWorkspace, cpuPort: number | undefined) {
    this.#server = server
    this.#cpuPort = cpuPort
  }

  call(path: string, { headers, ...init }: CallInit = {}): Promise<Response> {
    return fetch(`${this.#server.url}${path}`, {
      signal: AbortSignal.timeout(REQUEST_MS),
      dispatcher: this.#dispatcher,
      ...init,
      headers: { ...this.#server.headers, 'content-type': 'application/json', ...headers },
    })
  }

  async measure(name: string, seconds: number): Promise<AttackResult> {
    const until = performance.now() + seconds * 1000
    const latencies: number[] = []
    await this.#longestCpuMs()
    const cpuBefore = cpuSeconds(this.#server.pid)
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
        latencies.push(await timed(this.#server.path, { method: 'POST', body: MESSAGE }))
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
    latencies.sort((a, b) => a - b)
    const cpuAfter = cpuSeconds(this.#server.pid)
    const kb = residentKb(this.#server.pid)
    return {
      name,
      longestCpuMs: await this.#longestCpuMs(),
      messages: latencies.length,
      p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
      slowestLivezMs,
      failed,
      cores: cpuBefore === undefined || cpuAfter === undefined ? undefined : (cpuAfter - cpuBefore) / seconds,
      memoryMb: kb === undefined ? undefined : Math.round(kb / 1024),
    }
  }

  /** Since the last call. */
  async #longestCpuMs(): Promise<number | undefined> {
    if (this.#cpuPort === undefined) return undefined
    return Number(await (await fetch(`http://127.0.0.1:${this.#cpuPort}`)).text())
  }
}
