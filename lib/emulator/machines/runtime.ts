// What all parts of the emulator share: clock, timers, ids, the host of the guests, faults and the journal.

import type { FaultQueries } from '../faults/faults.ts'
import type { FlyApi, Host } from '../guests/host.ts'
import type { MachineRecord } from '../store/records.ts'
import { createUlids } from '../shared/ids.ts'
import { createLogs } from './logs.ts'
import type { Logs } from './logs.ts'
import type { Journal } from '../store/journal.ts'
import type { Timings } from '../shared/timings.ts'

export type Runtime = {
  now: () => number
  /** ULIDs, which sort by time. */
  ulid: () => string
  timings: Timings
  host: Host
  faults: FaultQueries
  journal: Journal
  /** What the machines' programs printed lately. */
  logs: Logs
  /** The API of one machine, for its own program. */
  ownApi: (machine: MachineRecord) => FlyApi
  organization: string
  regions: string[]
  rateLimits: boolean
  log: (line: string) => void
  /** Runs `work` after some milliseconds; the result cancels it. Nothing runs once the emulator is closed. */
  after(ms: number, work: () => void): () => void
  /** Resolves after some milliseconds; never, once the emulator is closed. */
  sleep(ms: number): Promise<void>
  /** Resolves after some milliseconds, or when the emulator closes: for requests, which must not be left hanging. */
  pause: (ms: number) => Promise<void>
  /** Aborts when the emulator closes. */
  closing: AbortSignal
  close(): void
}

type Given = Omit<Runtime, 'logs' | 'ulid' | 'after' | 'sleep' | 'pause' | 'closing' | 'close'>

export function createRuntime(given: Given): Runtime {
  const closing = new AbortController()
  const timers = new Set<ReturnType<typeof setTimeout>>()

  function after(ms: number, work: () => void): () => void {
    if (closing.signal.aborted) return () => undefined
    const timer = setTimeout(() => {
      timers.delete(timer)
      work()
    }, ms)
    timers.add(timer)
    return () => {
      timers.delete(timer)
      clearTimeout(timer)
    }
  }

  return {
    ...given,
    logs: createLogs(given.now),
    ulid: createUlids(given.now),
    after,
    sleep: (ms) => new Promise((resolve) => void after(ms, resolve)),
    pause: (ms) =>
      new Promise((resolve) => {
        if (closing.signal.aborted) return resolve()
        const onClose = (): void => resolve()
        closing.signal.addEventListener('abort', onClose, { once: true })
        after(ms, () => {
          closing.signal.removeEventListener('abort', onClose)
          resolve()
        })
      }),
    closing: closing.signal,
    close() {
      closing.abort()
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
