// What a stream costs in memory while nothing is said on it, after a process of its own has been warmed up: one that has been
// through more would put the streams where others have been, and they would seem to cost nothing.
import { residentKb } from '../support/process-stats.ts'
import { type Clients, warmUp } from './measure.ts'
import type { Road } from './roads.ts'

const IDLE_STREAMS = 1_000

/** Until a process has done what it does after its answers. */
const SETTLE_MS = 500

/** @returns NaN where there is no proxy, or no way to know */
export async function kbPerIdleStream(clients: Clients, road: Road, warmUpSeconds: number): Promise<number> {
  await warmUp(clients, road, warmUpSeconds)
  const before = await heldKb(road)
  await clients.run({ kind: 'hold', target: road.target, streams: IDLE_STREAMS })
  const after = await heldKb(road)
  await clients.run({ kind: 'release' })
  return before === undefined || after === undefined ? Number.NaN : (after - before) / IDLE_STREAMS
}

async function heldKb({ pid, collectGarbage }: Road): Promise<number | undefined> {
  if (pid === undefined) return undefined
  await settle()
  // What one pass has only marked as dead, the next takes away, and threads give it back a little later.
  for (let pass = 0; pass < 3; pass++) {
    await collectGarbage?.()
    await settle()
  }
  return residentKb(pid)
}

const settle = () => new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
