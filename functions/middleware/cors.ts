// Web pages of other origins: those that CORS_ORIGINS names may call us, and no others. A credential is always a header that
// the page sends itself; there are no cookies to be ridden on.

const EXPOSED = [
  'Location',
  'Link',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
  'Preference-Applied',
  'X-Agent-Card',
]

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'

/** Headers of every answer to this origin; none for one that is not named. */
export function corsHeaders(origins: readonly string[], origin: string | undefined): Record<string, string> {
  if (origins.length === 0) return {}
  if (origin === undefined || !origins.includes(origin)) return { vary: 'Origin' }
  return {
    vary: 'Origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': EXPOSED.join(', '),
  }
}

/**
 * The answer to a browser that asks before it sends; no credential is needed for it.
 * @param asked its `Access-Control-Request-Headers`
 */
export function preflightHeaders(
  origins: readonly string[],
  origin: string | undefined,
  asked: string | undefined,
): Record<string, string> {
  const headers = corsHeaders(origins, origin)
  if (headers['access-control-allow-origin'] === undefined) return headers
  return {
    ...headers,
    'access-control-allow-methods': METHODS,
    ...(asked === undefined ? {} : { 'access-control-allow-headers': asked }),
    'access-control-max-age': '600',
  }
}
