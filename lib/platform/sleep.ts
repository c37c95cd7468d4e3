// The one pause. It has no other outcome than to end, so a caller that cares whether it was cut short asks the
// signal.

/** Resolves after `ms` milliseconds, or as soon as the signal aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end)
  })
}

/** Bytes of work that may follow each other without a pause: a few milliseconds. */
const LARGE_BYTES = 1_000_000

/** Lets other requests continue between two steps of work on a large body. */
export const yieldIfLarge = (bytes: number): Promise<void> | undefined =>
  bytes > LARGE_BYTES ? sleep(0) : undefined
