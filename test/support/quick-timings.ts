// How long things take at the emulated Fly in tests.

/** As quick as a machine can be without being instant. */
export const QUICK = {
  placeMs: 2,
  pullMs: 5,
  bootMs: 5,
  resumeMs: 5,
  stopMs: 5,
  suspendMs: 5,
  destroyMs: 5,
  restartMs: 5,
  killTimeoutMs: 50,
  proxyPatienceMs: 150,
} as const
