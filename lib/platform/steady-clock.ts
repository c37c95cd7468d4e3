// A clock for durations within a process. The clock of a host may be set back, and a cache would then keep its entries, and a wait
// last, for as much longer.

/**
 * @param now Unix milliseconds
 * @returns milliseconds that never go back: when `now` is set back, they go on from where they were
 */
export function createSteadyClock(now: () => number): () => number {
  let last = now()
  let setBack = 0
  return () => {
    const at = now()
    if (at < last) setBack += last - at
    last = at
    return at + setBack
  }
}
