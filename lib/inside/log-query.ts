// Which lines of a log a reader wants. Pure.
import type { LogLevel } from '../provisioner/inside.ts'
import type { LogEntry } from './workspace-log.ts'

export type LogFilter = {
  /** Undefined: all. */
  levels?: readonly LogLevel[] | undefined
  since?: Date | undefined
  /** Text that the message contains, in any case. */
  q?: string | undefined
}

export const matches = ({ levels, q, since }: LogFilter, { at, level, message }: LogEntry): boolean =>
  (levels === undefined || levels.includes(level)) &&
  (since === undefined || at >= since) &&
  (q === undefined || message.toLowerCase().includes(q.toLowerCase()))

/** The newest `count` of the lines that match. */
export const newestOf = (entries: readonly LogEntry[], filter: LogFilter, count: number): LogEntry[] =>
  count === 0 ? [] : entries.filter((entry) => matches(filter, entry)).slice(-count)
