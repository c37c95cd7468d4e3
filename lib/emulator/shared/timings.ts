// How long things take in the emulated Fly, in milliseconds. Shorter than the real thing, so that trying it out is
// quick; tests make them shorter still.

export type Timings = {
  /** How long a create call blocks while a host is found. Real: 1–2.5 s. */
  placeMs: number
  /** `created` → `starting`: the image is pulled. */
  pullMs: number
  /** `starting` → `started`, cold. */
  bootMs: number
  /** `starting` → `started`, from a snapshot. */
  resumeMs: number
  /** The least time spent in `stopping`, however fast the program ends. */
  stopMs: number
  suspendMs: number
  destroyMs: number
  /** Between a crash and the restart that the restart policy asks for. */
  restartMs: number
  /** How long a program has after its stop signal when neither the call nor `stop_config` says. Real: 5 s. */
  killTimeoutMs: number
  /** How long a machine with `autostop` must be idle. Real: the proxy looks every few minutes. */
  autostopMs: number
  /**
   * How long the Fly Proxy holds a request that no machine takes: none is a candidate, or it boots, its port is closed, or it is
   * full. Real: 7.5 to 8 s without a candidate.
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
  restartMs: 500,
  killTimeoutMs: 5000,
  autostopMs: 300_000,
  proxyTimeoutMs: 7700,
}
