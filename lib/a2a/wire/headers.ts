// Which headers pass the proxy (docs/facts/a2a.md §3.4). Towards the agent, the caller's credential and every header
// that steers a proxy are removed. Towards the caller, only headers of an allow list pass. Headers are plain pairs,
// so that each runtime can pass its own without a copy.

/** Names in lower case. Iterated more than once, so never a generator. */
export type HeaderPairs = Iterable<readonly [name: string, value: string]>

/** Headers as they are sent; a list where a name came more than once. */
export type HeaderRecord = Record<string, string | string[]>

const HOP_BY_HOP = ['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']

const NOT_FORWARDED = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'expect',
  'authorization',
  'cookie',
  'accept-encoding',
  'forwarded',
  'x-real-ip',
  'x-request-id',
  'x-workspace-id',
  'prefer',
  'origin',
  'referer',
])

// `fly-force-instance-id` from a caller would pick another tenant's machine.
const STEERING = ['fly-', 'proxy-', 'cf-', 'x-forwarded-', 'sec-', 'access-control-']

/**
 * The headers of an agent's answer that reach the caller. All others are dropped, because an agent could steer with
 * them the caller's browser (`Refresh`, `Set-Cookie`, `Clear-Site-Data`), a proxy (`X-Accel-Redirect`, `Fly-Replay`,
 * `Cache-Control`) or the caller's credentials (`WWW-Authenticate`).
 */
const RETURNED = new Set([
  'content-length',
  'content-encoding',
  'content-language',
  'etag',
  'last-modified',
  'allow',
  'retry-after',
  'a2a-version',
  'a2a-extensions',
  'x-a2a-extensions',
])

// Every header that `Connection` names belongs to one hop.
function hopsOf(connection: string | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return []
  return connection.split(',').map((name) => name.trim().toLowerCase())
}

/** A record without a prototype, so that a header may be named `constructor` or `__proto__`. */
const emptyRecord = (): HeaderRecord => Object.create(null) as HeaderRecord

/** WSGI and CGI servers read `X_Workspace_ID` as `X-Workspace-ID`, so both spellings are removed. */
function isForwarded(name: string): boolean {
  const spelled = name.includes('_') ? name.replaceAll('_', '-') : name
  return !NOT_FORWARDED.has(spelled) && !STEERING.some((prefix) => spelled.startsWith(prefix))
}

/**
 * Headers of the request to the agent.
 * @param added headers that only the proxy may set: which machine, the agent's inbound secret, the authenticated
 *   caller
 */
export function requestHeaders(
  from: HeaderPairs,
  connection: string | undefined,
  added: Record<string, string>,
): HeaderRecord {
  const hops = hopsOf(connection)
  const headers = emptyRecord()
  for (const [name, value] of from) {
    if (!isForwarded(name) || hops.includes(name)) continue
    const earlier = headers[name]
    headers[name] = earlier === undefined ? value : [earlier, value].flat()
  }
  // A compressed stream would be buffered in a compressor (docs/facts/a2a.md §3.4).
  headers['accept-encoding'] = 'identity'
  return Object.assign(headers, added)
}

/** Headers of the answer to the caller. @param isStream intermediaries must not buffer or transform it */
export function responseHeaders(
  from: HeaderPairs,
  connection: string | undefined,
  isStream: boolean,
): HeaderRecord {
  const hops = hopsOf(connection)
  const headers = emptyRecord()
  const types: string[] = []
  for (const [name, value] of from) {
    if (name === 'content-type') types.push(value)
    if (!RETURNED.has(name) || hops.includes(name)) continue
    const earlier = headers[name]
    headers[name] = earlier === undefined ? value : `${earlier.toString()}, ${value}`
  }
  if (types.length > 0) headers['content-type'] = types.length === 1 ? safeContentType(types[0]) : OPAQUE
  headers['x-content-type-options'] = 'nosniff'
  headers['cache-control'] = isStream ? 'no-cache, no-transform' : 'no-store'
  if (isStream) headers['x-accel-buffering'] = 'no'
  return headers
}

/** The type of bytes that no client interprets. */
const OPAQUE = 'application/octet-stream'

const SAFE_TYPE =
  /^(?:application\/(?:[\w.-]+\+)?json|text\/event-stream)(?: ?; ?[\w-]{1,40}=(?:[\w.-]{1,60}|"[\w.:/ -]{1,200}"))*$/i

/**
 * A content type under which an agent's bytes may reach a browser: JSON and event streams keep theirs, and all others
 * become `application/octet-stream`. Send it with `X-Content-Type-Options: nosniff`.
 */
export const safeContentType = (type: string | null | undefined): string =>
  type != null && SAFE_TYPE.test(type.trim()) ? type.trim() : OPAQUE

export function findHeader(headers: HeaderPairs, wanted: string): string | undefined {
  for (const [name, value] of headers) if (name === wanted) return value
  return undefined
}
