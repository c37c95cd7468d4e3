// A client for tests of disks: workspaces that remember something, and waits until what Fly and the control plane do is done.
import { setTimeout as delay } from 'node:timers/promises'
import type { Harness, Json } from './harness.ts'

export type Disk = {
  id: string
  size_gb: number
  region: string
  state: string
  workspace_id: string | null
} & Json

/** Sweeps of one wait, at most: each moves the clock. */
const MOST_SWEEPS = 300
/** Between two sweeps. The emulator fills a volume in real time, and sweeps of a database in this process are fast. */
const REAL_MS = 10

/** @param harness of the test file, once it is open */
export function diskClient(harness: () => Harness) {
  const read = async (id: string) =>
    (await harness().request<Json & { disk: Disk }>(`/workspaces/${id}`)).body
  const disks = async (query = '') => (await harness().request<Disk[]>(`/disks${query}`)).body
  const post = <Body = Json>(path: string, json: Json = {}) =>
    harness().request<Body>(path, { method: 'POST', headers: { prefer: 'wait=20' }, json })
  const volumes = () =>
    harness()
      .emulator.volumes()
      .filter(({ state }) => state === 'created')
  const events = async (id: string) =>
    (
      await harness().request<{ events: { type: string; at: string; payload: Json }[] }>(
        `/workspaces/${id}/events?limit=1000`,
      )
    ).body.events

  async function say(id: string, text: string): Promise<string> {
    const params = {
      message: { role: 'user', messageId: crypto.randomUUID(), parts: [{ kind: 'text', text }] },
    }
    const { body } = await post(`/workspaces/${id}/a2a`, {
      jsonrpc: '2.0',
      id: 1,
      method: 'message/send',
      params,
    })
    return JSON.stringify(body)
  }

  /** Sweeps, and moves the clocks between the sweeps. */
  async function sweepWhile(isOpen: () => Promise<boolean>, stepMs = 2_000): Promise<void> {
    for (let sweeps = 0; sweeps < MOST_SWEEPS; sweeps++) {
      await Promise.race([harness().untilIdle(), delay(200)])
      if (!(await isOpen())) return
      await delay(REAL_MS)
      harness().advance(stepMs)
      await harness().sweep({ patienceMs: 300 })
    }
  }

  /** @throws Error with the explanation of the workspace */
  async function untilStatus(id: string, status: string, stepMs = 1_000): Promise<void> {
    await sweepWhile(async () => (await read(id))['status'] !== status, stepMs)
    if ((await read(id))['status'] === status) return
    throw new Error(JSON.stringify((await harness().request(`/workspaces/${id}/explain`)).body))
  }

  /** A workspace whose agent remembers `blue`. */
  async function remembering(input: Json = {}): Promise<string> {
    const { id } = await harness().createWorkspace(input)
    await say(id, 'remember blue')
    return id
  }

  async function fork(input: Json): Promise<string> {
    const { body, status } = await post<{ id: string }>('/workspaces', { name: 'fork', ...input })
    if (status !== 201) throw new Error(JSON.stringify(body))
    await untilStatus(body.id, 'ready')
    return body.id
  }

  return { read, disks, post, volumes, events, say, sweepWhile, untilStatus, remembering, fork }
}
