// The growth of a server's memory from now on: the peak, and the amount after garbage collection. Without the collection the
// free heap of the start would hide what a stream occupies.
import type { GarbageCollector } from '../support/force-gc.ts'
import { residentKb } from '../support/process-stats.ts'

const SAMPLE_MS = 50

export type MemoryWatch = {
  /** Undefined if the system shows no memory figures. */
  heldMb(): Promise<number | undefined>
  peakMb(): number | undefined
  stop(): void
}

export async function watchMemory(pid: number, collector: GarbageCollector): Promise<MemoryWatch> {
  const held = async () => {
    await collector.collect(pid)
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
