// Steps of tests about failures: they create a workspace and advance the clock until it reaches a status.
import { setTimeout as delay } from 'node:timers/promises'
import { isNotNull } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Harness, Json } from './harness.ts'

/** The most sweeps that a step waits for, and how long each may follow a workspace. */
const SWEEPS = 60
const PATIENCE_MS = 300

/** Real time between two sweeps. */
const TURN_MS = 5

/** @param harness of the test file, once it is open */
export function workspaceSteps(harness: () => Harness) {
  async function create(input: Json = {}): Promise<string> {
    const { status, body } = await harness().request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'x', runtime: 'langgraph', tier: 2, ...input },
    })
    if (status !== 201) throw new Error(`the create was answered with ${status}: ${JSON.stringify(body)}`)
    return body.id
  }

  const read = async (id: string) => (await harness().request(`/workspaces/${id}`)).body

  /** Advances the clock sweep by sweep until the workspace has the status. */
  async function until(id: string, status: string, stepMs = 5_000): Promise<Json> {
    for (let sweeps = 0; sweeps < SWEEPS; sweeps++) {
      // Work that a request left running may follow its workspace for long; it times out when the clock moves below.
      await Promise.race([harness().untilIdle(), delay(100)])
      // Over PGlite a sweep never waits for input, and the emulated Fly needs its timers.
      await delay(TURN_MS)
      const row = await read(id)
      if (row['status'] === status) return row
      harness().advance(stepMs)
      await harness().sweep({ patienceMs: PATIENCE_MS })
    }
    throw new Error(`still ${JSON.stringify(await read(id))}`)
  }

  /** Advances the clock until no machine lives and no workspace is due for a check. @throws Error if that never happens */
  async function untilGone(): Promise<void> {
    for (let sweeps = 0; sweeps < SWEEPS; sweeps++) {
      harness().advance(5_000)
      await harness().sweep({ patienceMs: PATIENCE_MS })
      const due = await harness().db.select().from(workspaces).where(isNotNull(workspaces.nextCheckAt))
      if (harness().livingMachines().length === 0 && due.length === 0) break
    }
    await harness().untilIdle()
    const left = harness().livingMachines()
    if (left.length > 0) throw new Error(`machines are left: ${JSON.stringify(left)}`)
  }

  return { create, read, until, untilGone }
}
