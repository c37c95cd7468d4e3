// The durations of the emulated Fly, in milliseconds. They are shorter than the real ones, so that trials are quick.
// Tests make them shorter still.

export type Timings = {
  /** The time that a create call takes to find a host. Real: 1–2.5 s. */
  placeMs: number
  /** `created` → `starting`: the image is pulled. */
  pullMs: number
  /** `starting` → `started`, cold. */
  bootMs: number
  /** `starting` → `started`, from a snapshot. */
  resumeMs: number
  /** The shortest time in `stopping`, even when the program exits sooner. */
  stopMs: number
  suspendMs: number
  destroyMs: number
  /** `creating` → `created` of a volume, and each further state of one that is filled from another. */
  volumeMs: number
  /** Each of `waiting` → `running` → `created` of a snapshot. */
  snapshotMs: number
  /** Between a crash and the restart by the restart policy. */
  restartMs: number
  /** The time from the stop signal to SIGKILL when neither the call nor `stop_config` sets it. Real: 5 s. */
  killTimeoutMs: number
  /** The idle time after which `autostop` applies. Real: the proxy checks every few minutes. */
  autostopMs: number
  /**
   * How long the Fly Proxy holds a request that no machine can take: there is no candidate, or it boots, its port is
   * closed, or it is full. Real: 7.5 to 8 s without a candidate.
   */
  proxyTimeoutMs: number
}

export const DEFAULT_TIMINGS: Timings = {
  placeMs: 50,
  pullMs: 400,
  bootMs: 400,
  resumeMs: 150,
  stopMs: 100,
  suspendMs: 300,
  destroyMs: 100,
  volumeMs: 100,
  snapshotMs: 300,
  restartMs: 500,
  killTimeoutMs: 5000,
  autostopMs: 300_000,
  proxyTimeoutMs: 7700,
}
