// The memory of an idle stream, in a new process after a warm-up. In a process that has served more, the streams would reuse
// memory, and would seem to cost nothing.
import { setTimeout as delay } from 'node:timers/promises'
import { residentKb } from '../support/process-stats.ts'
import { type Clients, warmUp } from './measure.ts'
import type { ProxyTarget } from './targets.ts'

/** Few would hide behind the steps in which V8 takes memory. */
const IDLE_STREAMS = 4_000

/** Time for the work after the answers. */
const SETTLE_MS = 500

/** @returns NaN if there is no proxy, or no figure on this system */
export async function kbPerIdleStream(
  clients: Clients,
  proxy: ProxyTarget,
  warmUpSeconds: number,
): Promise<number> {
  await warmUp(clients, proxy, warmUpSeconds)
  const before = await residentKbAfterGc(proxy)
  await clients.run({ kind: 'hold', target: proxy.target, streams: IDLE_STREAMS })
  const after = await residentKbAfterGc(proxy)
  await clients.run({ kind: 'release' })
  return before === undefined || after === undefined ? Number.NaN : (after - before) / IDLE_STREAMS
}

async function residentKbAfterGc({ pid, collectGarbage }: ProxyTarget): Promise<number | undefined> {
  if (pid === undefined) return undefined
  await untilQuiet()
  // Memory is freed over several collections, and threads return it later.
  for (let pass = 0; pass < 3; pass++) {
    await collectGarbage?.()
    await untilQuiet()
  }
  return residentKb(pid)
}

const untilQuiet = () => delay(SETTLE_MS)
