// Settings that decide when an agent or its host counts as lost.
import { number, setting, toMilliseconds } from './setting.ts'

const milliseconds = (name: string, fallback: number, min = 1) =>
  setting(name, number(min, 604_800).default(fallback).transform(toMilliseconds))

export const LIVENESS = {
  /** Without a heartbeat for this long, an agent that sent heartbeats is asked for its card. */
  silenceMs: milliseconds('AGENT_SILENCE_SECONDS', 180),
  /** How long an agent that does not answer has to come back before its machine is rebooted. */
  comebackMs: milliseconds('AGENT_COMEBACK_SECONDS', 120),
  /** How long the tasks of an agent's last heartbeat defer a reboot. */
  busyMs: milliseconds('AGENT_BUSY_SECONDS', 3_600, 0),
  /** How long a host may be unreachable before its workspace is offline. */
  hostUnreachableMs: milliseconds('HOST_UNREACHABLE_SECONDS', 60),
  /** How long it may be unreachable before `on_host_loss: restore` takes effect. */
  hostLossMs: milliseconds('HOST_LOSS_SECONDS', 900, 60),
}
