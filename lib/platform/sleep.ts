// The one pause and the one timer. A pause has no other outcome than to end, so a caller that cares whether it was cut short
// asks the signal.

/** Runs work once, after `ms` milliseconds. @returns a function that cancels it */
export type After = (ms: number, work: () => void) => () => void

export const after: After = (ms, work) => {
  const timer = setTimeout(work, ms)
  return () => clearTimeout(timer)
}

/** Resolves after `ms` milliseconds, or as soon as the signal aborts. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>

export const createSleep =
  (wait: After): Sleep =>
  (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve()
      const end = () => {
        cancel()
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const cancel = wait(ms, end)
      signal?.addEventListener('abort', end)
    })

export const sleep = createSleep(after)
