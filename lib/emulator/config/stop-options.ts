// With which signal, and how much patience, a machine is stopped (fly.md §2.3, §4.2).

import { parseDuration } from './duration.ts'
import { FlyError } from '../shared/fly-error.ts'
import type { MachineConfig } from './machine-config.ts'

const SIGNALS: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  6: 'SIGABRT',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  5: 'SIGTRAP',
  4: 'SIGILL',
  8: 'SIGFPE',
  11: 'SIGSEGV',
}
/** The signals a stop may name. */
const STOP_SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGKILL', 'SIGUSR1', 'SIGUSR2', 'SIGTERM']
/** The longest a program may be given to stop. */
const MAX_KILL_TIMEOUT_MS = 300_000

export const ALL_SIGNALS = Object.values(SIGNALS)

/** What to stop with: the call's own words, else `stop_config`, else Fly's defaults. A timeout of 0 means the default. */
export function stopOptions(
  config: MachineConfig,
  signal?: string | number,
  timeout?: string | number,
): { signal: string; timeoutMs: number | undefined } {
  const configured = config.stop_config
  const asked = timeout === undefined ? 0 : parseDuration(timeout)
  if (asked === undefined) throw new FlyError(400, `invalid_argument: time: invalid duration "${timeout}"`)
  const fallback = configured?.timeout === undefined ? undefined : parseDuration(configured.timeout)
  const chosen = asked > 0 ? asked : fallback
  return {
    signal: signalName(
      signal === undefined || signal === '' ? (configured?.signal ?? 'SIGINT') : signal,
      STOP_SIGNALS,
    ),
    timeoutMs: chosen === undefined ? undefined : Math.min(chosen, MAX_KILL_TIMEOUT_MS),
  }
}

/** Names with or without `SIG`, and numbers, as fly-go's kill sends 9. */
export function signalName(given: string | number, allowed: string[]): string {
  const text = typeof given === 'number' ? (SIGNALS[given] ?? String(given)) : given.toUpperCase()
  const name = text.startsWith('SIG') ? text : `SIG${text}`
  if (!allowed.includes(name)) throw new FlyError(400, `invalid_argument: invalid signal "${given}"`)
  return name
}
