// How much a server's memory has grown since now: at its highest, and in what it holds. Garbage is collected before each look
// at what it holds, or the heap that starting up has left behind would take in all that a stream could ever keep.
import type { GarbageCollector } from '../support/force-gc.ts'
import { residentKb } from '../support/process-stats.ts'

const SAMPLE_MS = 50

export type MemoryWatch = {
  /** Undefined where memory cannot be known. */
  heldMb(): Promise<number | undefined>
  peakMb(): number | undefined
  stop(): void
}

export async function watchMemory(pid: number, garbage: GarbageCollector): Promise<MemoryWatch> {
  const held = async () => {
    await garbage.collect(pid)
    return residentKb(pid)
  }
  const before = await held()
  let most = before
  const timer = setInterval(() => (most = Math.max(most ?? 0, residentKb(pid) ?? 0)), SAMPLE_MS)
  const sinceThen = (kb: number | undefined) =>
    before === undefined || kb === undefined ? undefined : (kb - before) / 1024
  return {
    heldMb: async () => sinceThen(await held()),
    peakMb: () => sinceThen(before === undefined ? undefined : most),
    stop: () => clearInterval(timer),
  }
}
