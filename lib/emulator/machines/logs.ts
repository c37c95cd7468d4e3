// The last lines that the machines of each app printed, and what Fly's own parts say about them, as the log API of
// Fly returns them (docs/facts/fly.md §12.2). They are in memory only, because Fly keeps logs for a short time.

import type { MachineRecord } from '../store/records.ts'

/** Who wrote a line: the program, Fly's init and runner, or the proxy. */
export type LogProvider = 'app' | 'runner' | 'proxy'

export type LogLine = {
  /** Grows with each line of all apps. */
  seq: number
  /** Milliseconds since 1970. */
  at: number
  machineId: string
  region: string
  level: string
  message: string
  provider: LogProvider
}

export type Logs = {
  append(
    machine: Pick<MachineRecord, 'id' | 'app' | 'region'>,
    provider: LogProvider,
    message: string,
    level?: string,
  ): void
  /**
   * The newest page, or the page after a line, in order.
   * @param after the `seq` of the last line that the caller has; undefined for the newest page
   */
  page(
    app: string,
    filter: { instance?: string | undefined; region?: string | undefined; after?: number | undefined },
  ): LogLine[]
}

/** Lines kept for each app, lines of a page, and characters of a line. */
const KEPT = 5_000
const PAGE = 100
const MAX_CHARS = 8_000

export function createLogs(now: () => number): Logs {
  const lines = new Map<string, LogLine[]>()
  // A token of before a restart of the emulator stays older than every new line.
  let seq = now() * 1000
  return {
    append({ app, id, region }, provider, message, level = 'info') {
      const kept = lines.get(app) ?? []
      lines.set(app, kept)
      seq += 1
      const line = { seq, at: now(), machineId: id, region, level, message: message.slice(0, MAX_CHARS) }
      kept.push({ ...line, provider })
      // In one step of many lines, because a step for each line would move all of them.
      if (kept.length > 2 * KEPT) kept.splice(0, kept.length - KEPT)
    },
    page(app, { after, instance, region }) {
      const matching = (lines.get(app) ?? []).filter(
        (line) =>
          line.seq > (after ?? 0) &&
          (instance === undefined || line.machineId === instance) &&
          (region === undefined || line.region === region),
      )
      return after === undefined ? matching.slice(-PAGE) : matching.slice(0, PAGE)
    },
  }
}
