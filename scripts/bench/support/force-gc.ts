// Forces a garbage collection in another Node process, so that its memory figure does not depend on its last collection:
// SIGUSR1 opens its inspector on a chosen loopback port, which offers the collection.
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../../../test/support/ports.ts'

const START_MS = 5_000

/** `nodeOption` is for the start of the process. */
export type GarbageCollector = { nodeOption: string; collect(pid: number): Promise<void> }

export async function createGarbageCollector(): Promise<GarbageCollector> {
  const [port = 0] = await freePorts(1)
  return {
    nodeOption: `--inspect-port=127.0.0.1:${port}`,
    async collect(pid) {
      process.kill(pid, 'SIGUSR1')
      const socket = new WebSocket(await debuggerUrl(port))
      try {
        await new Promise<void>((resolve, reject) => {
          socket.addEventListener('error', () => reject(new Error('the inspector does not answer')))
          socket.addEventListener('message', () => resolve())
          socket.addEventListener('open', () =>
            socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' })),
          )
        })
      } finally {
        socket.close()
      }
    },
  }
}

async function debuggerUrl(port: number): Promise<string> {
  const deadline = performance.now() + START_MS
  for (;;) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/json/list`)
      const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[]
      if (target !== undefined) return target.webSocketDebuggerUrl
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    await delay(20)
  }
}
