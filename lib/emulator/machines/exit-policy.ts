// The restart policy for a program that exits by itself (docs/facts/fly.md §4.2), and the `request` of the `exit`
// event.

import type { GuestExit } from '../guests/host.ts'
import type { MachineConfig } from '../config/machine-config.ts'

/** Fly's limit when a config does not set it. */
const DEFAULT_MAX_RETRIES = 10

/** Whether the policy restarts the machine after `restarts` earlier restarts. */
export function shouldRestart(config: MachineConfig, exit: GuestExit, restarts: number): boolean {
  if (config.auto_destroy === true) return false
  const policy = config.restart?.policy ?? 'on-failure'
  if (policy === 'no') return false
  if (policy === 'on-failure' && exit.exitCode === 0) return false
  const bound = config.restart?.max_retries ?? (policy === 'on-failure' ? DEFAULT_MAX_RETRIES : undefined)
  return bound === undefined || restarts < bound
}

const SIGNALS: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
}

/** Fly's `request` of an `exit` event (docs/facts/fly.md §2.9). `signal` is -1 when no signal ended the program. */
export function exitRequest(
  exit: GuestExit,
  extra: { requestedStop: boolean; restarting: boolean; restartCount: number; at: number },
): Record<string, unknown> {
  const signal = exit.signal === undefined ? -1 : (SIGNALS[exit.signal] ?? -1)
  return {
    exit_event: {
      exit_code: exit.exitCode,
      guest_exit_code: exit.exitCode,
      guest_signal: signal,
      signal,
      oom_killed: exit.oomKilled,
      requested_stop: extra.requestedStop,
      restarting: extra.restarting,
      exited_at: new Date(extra.at).toISOString(),
    },
    restart_count: extra.restartCount,
  }
}
