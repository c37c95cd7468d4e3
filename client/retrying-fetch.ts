// A fetch that repeats requests where a repetition is safe: reads, and requests with an Idempotency-Key. Other requests
// are repeated only after 429, which the server sends before it does anything.
import { ApiProblem } from './problem.ts'

export type RetryOptions = {
  /** Further attempts after the first one; 0 never repeats. */
  retries: number
  sleep: (ms: number) => Promise<void>
}

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 20_000

/** Statuses that say: not now. */
const TRANSIENT = [429, 502, 503, 504]

export function createRetryingFetch(
  fetch: typeof globalThis.fetch,
  { retries, sleep }: RetryOptions,
): (request: Request) => Promise<Response> {
  async function attempt(request: Request, attempts: number): Promise<Response> {
    // A request can be sent once, so each attempt but the last one sends a copy.
    const isLast = attempts >= retries
    const safe = isSafe(request)
    try {
      const response = await fetch(isLast ? request : request.clone())
      const isRepeated = !isLast && (safe ? TRANSIENT.includes(response.status) : response.status === 429)
      if (!isRepeated) return response
      await response.body?.cancel()
      await sleep(retryAfter(response) ?? pause(attempts))
    } catch (error) {
      if (request.signal.aborted) throw error
      if (isLast || !safe) throw unreachable(request, error)
      await sleep(pause(attempts))
    }
    return attempt(request, attempts + 1)
  }
  return (request) => attempt(request, 0)
}

const isSafe = ({ headers, method }: Request) =>
  method === 'GET' || method === 'HEAD' || headers.has('idempotency-key')

const pause = (attempts: number) => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempts)

function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) ? Math.min(LONGEST_PAUSE_MS, seconds * 1000) : undefined
}

function unreachable(request: Request, cause: unknown): ApiProblem {
  const { origin } = new URL(request.url)
  const detail = cause instanceof Error ? deepest(cause).message : String(cause)
  return new ApiProblem(`${origin} cannot be reached: ${detail}`, { status: 0, code: 'unreachable', cause })
}

const deepest = (error: Error): Error => (error.cause instanceof Error ? deepest(error.cause) : error)
