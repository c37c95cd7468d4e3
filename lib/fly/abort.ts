// Waiting that an AbortSignal can end. Fetch honours its own signal, but a stalled body or a fetch that is a plain
// function may not, so everything this client awaits goes through here.

/** The work's outcome, or a rejection with the signal's reason as soon as the signal aborts. */
export async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
