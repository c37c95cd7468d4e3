// How the agents of a run may behave, beside well: what each answers instead of the sample agent, and what else it does.
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

/** How often each manner is chosen for a boot. */
export const MANNERS = {
  good: 40,
  slow: 3,
  silent: 1,
  broken: 1,
  oversized: 1,
  misleading: 1,
  redirecting: 1,
  gzip: 3,
  /** Reports tasks in its heartbeats, whether it has any or not. */
  busy: 3,
  /** Suspends its own machine after each answer, as agents do that save money when they are idle. */
  'self-suspending': 3,
}

export type Manner = keyof typeof MANNERS

/** How long a slow agent takes for each answer, in milliseconds of the run's clock. */
const SLOW_MS = 5_000

const OVERSIZED = new Uint8Array(32 * 1024 * 1024).fill(32)

const compress = promisify(gzip)

/**
 * The answer of an agent of this manner.
 * @param answer that of the sample agent
 */
export async function answerAs(
  manner: Manner,
  isMessage: boolean,
  answer: () => Promise<Response>,
): Promise<Response> {
  switch (manner) {
    case 'good':
    case 'busy':
    case 'self-suspending':
      return answer()
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, SLOW_MS))
      return answer()
    case 'silent':
      return isMessage ? new Promise(() => {}) : answer()
    case 'broken':
      return isMessage ? new Response('<h1>Internal Server Error</h1>', { status: 500 }) : answer()
    case 'oversized':
      return isMessage
        ? answer()
        : new Response(OVERSIZED, { headers: { 'content-type': 'application/json' } })
    case 'misleading':
      return isMessage
        ? new Response(null, {
            status: 302,
            headers: { location: 'http://169.254.169.254/', 'fly-replay': 'app=x' },
          })
        : answer()
    case 'redirecting':
      return isMessage ? new Response(null, { status: 307, headers: { location: '/' } }) : answer()
    case 'gzip':
      return compressed(await answer())
  }
}

/** The same, compressed although the client has not said that it can read that. */
async function compressed(response: Response): Promise<Response> {
  const headers = new Headers(response.headers)
  headers.set('content-encoding', 'gzip')
  headers.delete('content-length')
  const bytes = new Uint8Array(await compress(new Uint8Array(await response.arrayBuffer())))
  return new Response(bytes, { status: response.status, headers })
}
