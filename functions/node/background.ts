// Work that continues after a response, tracked so that a shutdown can wait for it.
import type { Log } from '../../lib/platform/log.ts'
import type { Background } from './http-server.ts'

export type TrackedBackground = Background & {
  /** Waits for all work, and for work that it starts, for at most `ms`. @returns how many tasks are left */
  drain(ms: number): Promise<number>
}

export function createBackground(log: Log): TrackedBackground {
  const running = new Set<Promise<unknown>>()
  return {
    waitUntil(promise) {
      const task = promise
        .catch((error: unknown) => log('error', 'background work failed', { error }))
        .finally(() => running.delete(task))
      running.add(task)
    },
    passThroughOnException() {},
    props: {},
    async drain(ms) {
      const idle = async () => {
        while (running.size > 0) await Promise.all(running)
      }
      await Promise.race([idle(), new Promise((done) => setTimeout(done, ms))])
      return running.size
    },
  }
}
