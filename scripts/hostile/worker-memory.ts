// The memory of the Worker itself, of which Cloudflare allows 128 MB. Its process is no measure: workerd grows with each request,
// also with an empty Worker (docs/performance.md).
import { openInspector } from '../bench/support/inspector.ts'

/** The isolate answers its inspector while it has requests. */
const WAKE_MS = 50

type HeapUsage = { usedSize: number; backingStorageSize: number }

/** @param wake sends a request to the Worker. @returns MB that the Worker named `name` holds after a garbage collection */
export async function workerMemoryMb(
  port: number,
  name: string,
  wake: () => Promise<unknown>,
): Promise<number> {
  const inspector = await openInspector(port, name)
  const timer = setInterval(() => void wake().catch(() => undefined), WAKE_MS)
  try {
    await inspector.send('HeapProfiler.collectGarbage')
    const { backingStorageSize, usedSize } = await inspector.send<HeapUsage>('Runtime.getHeapUsage')
    return Math.round((usedSize + backingStorageSize) / 1e6)
  } finally {
    clearInterval(timer)
    inspector.close()
  }
}
