// Logs and commands of Fly Machines: translates the provisioner's verbs to calls of Fly, and Fly's answers back.
import type { FlyClient, FlyLogPage } from '../../fly/client.ts'
import { type InsideProvisioner, type LogPage, type LogSource, toLogLevel } from '../inside.ts'
import { attempt } from './problems.ts'

/** Fly's general limit, with a burst of three (docs/facts/fly.md §6). A smaller burst tolerates delays. */
const EXEC_RATE = { perSecond: 1, burst: 2 }

/** Fly names the part that wrote a line in `meta.event.provider`. Parts other than these are Fly's own. */
const SOURCES: Record<string, LogSource> = { app: 'agent', proxy: 'proxy' }

/** @param after the token with which the page was requested: Fly sends none with an empty page */
function toLogPage({ lines, nextToken }: FlyLogPage, after: string | undefined): LogPage {
  return {
    lines: lines.map(({ id, level, message, provider, timestamp }, at) => {
      const time = new Date(timestamp)
      return {
        id: id === '' ? `${timestamp}/${at}` : id,
        at: Number.isNaN(time.getTime()) ? new Date(0) : time,
        level: toLogLevel(level),
        message,
        source: SOURCES[provider] ?? 'platform',
      }
    }),
    next: nextToken ?? after ?? '',
  }
}

export const flyInside = (fly: FlyClient): InsideProvisioner => ({
  execRate: EXEC_RATE,

  logs: ({ app, machineId }, { after, onceWithinMs, signal } = {}) =>
    attempt(async () => {
      const once = onceWithinMs === undefined ? {} : { timeoutMs: onceWithinMs, retryWithinMs: 0 }
      const page = await fly.getLogs(app, { instance: machineId, nextToken: after }, { signal, ...once })
      return toLogPage(page, after)
    }),

  exec: ({ app, machineId }, { command, signal, stdin, timeoutSeconds }) =>
    attempt(async () => {
      const input = { command, stdin, timeoutSeconds }
      const { exitCode, exitSignal, stderr, stdout } = await fly.exec(app, machineId, input, { signal })
      return { exitCode, signal: exitSignal > 0 ? exitSignal : undefined, stdout, stderr }
    }),
})
