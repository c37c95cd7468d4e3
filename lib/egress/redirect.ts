// Redirects of agents. FastAPI and others answer a path without its slash, or with one, by a redirect to the other
// spelling. A redirect is followed only where it leads to the same agent.
import { isPlainPath } from '../platform/request-path.ts'

/** How many redirects of one request are followed. */
export const MAX_REDIRECTS = 2

/** These repeat the request with its method and its body. */
const REPEATING = new Set([307, 308])

/** These change every method to GET, so they are followed for reads only. */
const READING = new Set([301, 302, 303])

/**
 * @param request the URL that was requested, and its method
 * @returns the path and query to request next; undefined where the redirect leads to another host, or must not be followed
 */
export function redirectPath(
  { method, origin, path }: { method: string; origin: string; path: string },
  status: number,
  location: string | undefined,
): string | undefined {
  const isRead = method === 'GET' || method === 'HEAD'
  if (!REPEATING.has(status) && !(isRead && READING.has(status))) return undefined
  const from = URL.canParse(`${origin}${path}`) ? new URL(`${origin}${path}`) : undefined
  if (from === undefined || location === undefined || !URL.canParse(location, from)) return undefined
  const to = new URL(location, from)
  // The proxy before the machine ends TLS, so an agent may call its own address http.
  const isSameAgent = to.host === from.host && /^https?:$/.test(to.protocol)
  const isMoved = `${to.pathname}${to.search}` !== `${from.pathname}${from.search}`
  return isSameAgent && isMoved && isPlainPath(to.pathname) ? `${to.pathname}${to.search}` : undefined
}
