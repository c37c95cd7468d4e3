// SIGINT and SIGTERM: the first one ends the server in good order, a later one at once. A Ctrl-C arrives twice where npm started
// the server: the terminal sends it to every process, and npm sends it on.

/** Within this time a signal is the same request as the first. Milliseconds. */
const SAME_MS = 1_000

/** @param again receives each signal that comes later than a repetition of the first */
export function onStopSignals(first: () => void, again: () => void): void {
  let firstAt: number | undefined
  const onSignal = () => {
    const now = performance.now()
    if (firstAt === undefined) {
      firstAt = now
      first()
    } else if (now - firstAt > SAME_MS) again()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
}
