// Cross-origin requests: pages of the origins in CORS_ORIGINS may call this API, all others may not. The credential is
// always an `Authorization` header that the page sends itself; the API sets and reads no cookies. Pages may include their
// credentials all the same: Molecule's canvas does with each request (docs/facts/molecule.md §8.3), and a browser then hides
// the answer from it unless the answer allows them.
import { createMiddleware } from 'hono/factory'

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

export const allowOrigins = (origins: readonly string[]) =>
  createMiddleware(async (c, next) => {
    const headers = corsHeaders(origins, c.req.header('origin'))
    // An OPTIONS request that names no method is not a preflight, and goes to its route.
    if (c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined)
      return c.body(null, 204, {
        ...headers,
        ...preflightHeaders(headers, c.req.header('access-control-request-headers')),
      })
    await next()
    for (const [name, value] of Object.entries(headers)) c.header(name, value, { append: name === 'vary' })
    return undefined
  })

/** @param headers of the answer @param asked the headers that the page wants to send: all of them are allowed */
function preflightHeaders(
  headers: Record<string, string>,
  asked: string | undefined,
): Record<string, string> {
  if (headers[ALLOWED] === undefined) return {}
  return {
    vary: 'Origin, Access-Control-Request-Headers',
    'access-control-allow-methods': METHODS.join(','),
    'access-control-max-age': String(MAX_AGE_SECONDS),
    ...(asked === undefined ? {} : { 'access-control-allow-headers': asked }),
  }
}

const ALLOWED = 'access-control-allow-origin'

/** The CORS headers of a response, also of one outside the app (functions/node/a2a-handler.ts). Everybody else's passes unchanged. */
export function corsHeaders(origins: readonly string[], origin: string | undefined): Record<string, string> {
  if (origins.length === 0) return {}
  if (origin === undefined || !origins.includes(origin)) return { vary: 'Origin' }
  return {
    vary: 'Origin',
    [ALLOWED]: origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': EXPOSED_HEADERS.join(', '),
  }
}
