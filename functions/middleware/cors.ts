// Cross-origin requests: pages of the origins in CORS_ORIGINS may call this API, all others may not. The credential is
// always an `Authorization` header that the page sends itself; the API sets and reads no cookies. Pages may include their
// credentials all the same: Molecule's canvas does with each request (docs/facts/molecule.md §8.3), and a browser then hides
// the answer from it unless the answer allows them.
import { createMiddleware } from 'hono/factory'
import { cors } from 'hono/cors'

const EXPOSED_HEADERS = [
  'Location',
  'Link',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
  'Preference-Applied',
  'X-Agent-Card',
  'ETag',
  'Content-Range',
  'Repr-Digest',
  'X-Log-Next',
  'X-Log-Kept',
]

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** How long a browser may cache the answer to a preflight, in seconds. */
const MAX_AGE_SECONDS = 600

export function allowOrigins(origins: readonly string[]) {
  const answer = cors({
    origin: [...origins],
    allowMethods: METHODS,
    exposeHeaders: EXPOSED_HEADERS,
    credentials: true,
    maxAge: MAX_AGE_SECONDS,
  })
  return createMiddleware(async (c, next) => {
    // hono/cors answers every OPTIONS request; only a preflight names the method that it asks for.
    const isPreflight =
      c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined
    if (isPreflight || origins.includes(c.req.header('origin') ?? '')) return answer(c, next)
    // Everybody else gets the response without a CORS header, so that an agent's answer passes unchanged.
    await next()
    if (origins.length > 0) c.header('vary', 'Origin', { append: true })
  })
}

/** The CORS headers of a response outside the app (functions/node/a2a-handler.ts). Preflights go to the app. */
export function corsHeaders(origins: readonly string[], origin: string | undefined): Record<string, string> {
  if (origins.length === 0) return {}
  if (origin === undefined || !origins.includes(origin)) return { vary: 'Origin' }
  return {
    vary: 'Origin',
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': EXPOSED_HEADERS.join(', '),
  }
}
