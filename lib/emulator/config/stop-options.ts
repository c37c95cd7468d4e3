// The signal and the timeout with which a machine is stopped (docs/facts/fly.md §2.3, §4.2).

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
/** The signals that stop accepts. */
const STOP_SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGKILL', 'SIGUSR1', 'SIGUSR2', 'SIGTERM']
/** The longest kill timeout. */
const MAX_KILL_TIMEOUT_MS = 300_000

export const ALL_SIGNALS = Object.values(SIGNALS)

/** From the call, or else from `stop_config`, or else Fly's defaults. A timeout of 0 means the default. */
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

/** Accepts names with or without `SIG`, and numbers: fly-go's kill sends 9. */
export function signalName(given: string | number, allowed: string[]): string {
  const text = typeof given === 'number' ? (SIGNALS[given] ?? String(given)) : given.toUpperCase()
  const name = text.startsWith('SIG') ? text : `SIG${text}`
  if (!allowed.includes(name)) throw new FlyError(400, `invalid_argument: invalid signal "${given}"`)
  return name
}
