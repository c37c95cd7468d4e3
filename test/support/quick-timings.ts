// The durations of the emulated Fly's operations in tests.

/** As short as they can be while a machine still passes through every state. */
export const TIMINGS = {
  placeMs: 2,
  pullMs: 5,
  bootMs: 5,
  resumeMs: 5,
  stopMs: 5,
  suspendMs: 5,
  destroyMs: 5,
  volumeMs: 5,
  snapshotMs: 5,
  restartMs: 5,
  killTimeoutMs: 50,
  proxyTimeoutMs: 150,
} as const
