// Forces a garbage collection in another Node process, so that its memory figure does not depend on its last collection:
// SIGUSR1 opens its inspector on a chosen loopback port, which offers the collection.
import { freePorts } from '../../../test/support/ports.ts'
import { openInspector } from './inspector.ts'

/** `nodeOption` is for the start of the process. */
export type GarbageCollector = { nodeOption: string; collect(pid: number): Promise<void> }

export async function createGarbageCollector(): Promise<GarbageCollector> {
  const [port = 0] = await freePorts(1)
  return {
    nodeOption: `--inspect-port=127.0.0.1:${port}`,
    async collect(pid) {
      process.kill(pid, 'SIGUSR1')
      const inspector = await openInspector(port)
      try {
        await inspector.send('HeapProfiler.collectGarbage')
      } finally {
        inspector.close()
      }
    },
  }
}
