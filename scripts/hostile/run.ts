// Runs attacks one after the other against a real server and measures its other workspace meanwhile: the latency of messages,
// liveness and memory.
import { setTimeout as sleep } from 'node:timers/promises'
import { residentKb } from '../bench/support/process-stats.ts'
import { startProxiedWorkspace } from '../../test/support/proxied-workspace.ts'
import { startAgentPair } from './agent.ts'
import type { Attack, Reach } from './attacks.ts'

export type AttackResult = {
  name: string
  /** Messages to the neighbour, their 99th percentile in milliseconds, and the slowest `/livez`. */
  messages: number
  p99Ms: number
  slowestLivezMs: number
  failed: number
  /** Memory of the server after the attack, in MB; undefined where the system does not show it. */
  memoryMb: number | undefined
}

/** @param seconds how long each attack lasts */
export async function runAttacks(
  attacks: readonly Attack[],
  seconds: number,
  report: (result: AttackResult) => void,
): Promise<void> {
  const agents = await startAgentPair()
  const server = await startProxiedWorkspace(agents.url, { settings: { API_RATE_PER_MINUTE: '0' } })
  const base = `http://127.0.0.1:${server.port}`
  const call: Call = (path, { json, ...rest } = {}) => {
    const headers = { ...server.headers, 'content-type': 'application/json', ...rest.headers }
    const body = json === undefined ? {} : { body: JSON.stringify(json) }
    return fetch(`${base}${path}`, { signal: AbortSignal.timeout(60_000), ...rest, ...body, headers })
  }
  try {
    const hostile = (await (
      await call('/workspaces', {
        method: 'POST',
        json: { name: 'hostile', runtime: 'hermes' },
        headers: { prefer: 'wait=30' },
      })
    ).json()) as { id: string; machine_id: string }
    agents.setHostile(hostile.machine_id)
    const { token } = (await (
      await call(`/workspaces/${hostile.id}/tokens`, { method: 'POST', json: {} })
    ).json()) as { token: string }

    const measure = (name: string) => measureNeighbour(name, call, server.path, server.pid, seconds)
    report(await measure('nothing (the quiet value)'))
    for (const attack of attacks) {
      agents.setAnswer(attack.answer)
      const over = new AbortController()
      const reach = createReach(call, hostile.id, token, over.signal)
      const attacking = repeat(() => attack.round(reach), over.signal)
      report(await measure(attack.name))
      over.abort()
      await attacking
      agents.setAnswer(undefined)
      await sleep(500)
    }
  } finally {
    await server.stop()
    await agents.close()
  }
}

async function repeat(round: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await round().catch(() => {})
    await sleep(10)
  }
}

type CallOptions = Omit<RequestInit, 'headers'> & { json?: unknown; headers?: Record<string, string> }
type Call = (path: string, options?: CallOptions) => Promise<Response>

function createReach(call: Call, id: string, token: string, signal: AbortSignal): Reach {
  const drain = async (response: Response) => {
    await response.body?.pipeTo(new WritableStream())
  }
  const send = async (body: string) =>
    drain(await call(`/workspaces/${id}/a2a`, { method: 'POST', body, signal }))
  return {
    body: send,
    card: async () => drain(await call(`/workspaces/${id}/a2a/.well-known/agent-card.json`, { signal })),
    message: (params = {}, method = 'message/send') =>
      send(
        JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method,
          params: { message: { role: 'user', parts: [{ kind: 'text', text: 'x' }] }, ...params },
        }),
      ),
    registry: async (path, body) =>
      drain(
        await call(`/registry/${path}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}` },
          json: { id, workspace_id: id, ...(body as object) },
          signal,
        }),
      ),
  }
}

async function measureNeighbour(
  name: string,
  call: Call,
  path: string,
  pid: number,
  seconds: number,
): Promise<AttackResult> {
  const until = performance.now() + seconds * 1000
  const latencies: number[] = []
  let failed = 0
  let slowestLivezMs = 0
  const message = {
    method: 'message/send',
    params: { message: { messageId: 'm', kind: 'message', role: 'user', parts: [] } },
  }
  const timed = async (request: () => Promise<Response>) => {
    const began = performance.now()
    const response = await request()
    await response.arrayBuffer()
    if (!response.ok) failed++
    return performance.now() - began
  }
  const messages = async () => {
    while (performance.now() < until) {
      latencies.push(
        await timed(() => call(path, { method: 'POST', json: { jsonrpc: '2.0', id: 1, ...message } })),
      )
    }
  }
  const livez = async () => {
    while (performance.now() < until) {
      slowestLivezMs = Math.max(slowestLivezMs, await timed(() => call('/livez')))
      await sleep(50)
    }
  }
  await Promise.all([messages(), messages(), livez()])
  latencies.sort((a, b) => a - b)
  const kb = residentKb(pid)
  return {
    name,
    messages: latencies.length,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    slowestLivezMs,
    failed,
    memoryMb: kb === undefined ? undefined : Math.round(kb / 1024),
  }
}
