// Which headers pass the proxy. The caller's credential and every header that steers a proxy are removed; what A2A,
// tracing and content need is forwarded (docs/facts/a2a.md §3.4). Headers are plain pairs, so that each runtime can
// pass its own without a copy.

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

const NOT_RETURNED = new Set([
  ...HOP_BY_HOP,
  'set-cookie',
  'server',
  'via',
  'alt-svc',
  'strict-transport-security',
  'x-request-id',
  // The proxy sets these itself: the limits are its own.
  'ratelimit',
  'ratelimit-policy',
])

// `fly-force-instance-id` from a caller would pick another tenant's machine; `fly-replay` from an agent moves the
// request.
const STEERING = ['fly-', 'proxy-', 'cf-', 'x-forwarded-', 'sec-', 'access-control-']

const isSteering = (name: string) => STEERING.some((prefix) => name.startsWith(prefix))

// Every header that `Connection` names belongs to one hop.
function hopsOf(connection: string | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return []
  return connection.split(',').map((name) => name.trim().toLowerCase())
}

function copy(from: HeaderPairs, connection: string | undefined, dropped: ReadonlySet<string>): HeaderRecord {
  const hops = hopsOf(connection)
  const kept: HeaderRecord = {}
  for (const [name, value] of from) {
    if (dropped.has(name) || isSteering(name) || hops.includes(name)) continue
    const earlier = kept[name]
    kept[name] = earlier === undefined ? value : [earlier, value].flat()
  }
  return kept
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
  const headers = copy(from, connection, NOT_FORWARDED)
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
  const headers = copy(from, connection, NOT_RETURNED)
  if (isStream) {
    headers['cache-control'] = 'no-cache, no-transform'
    headers['x-accel-buffering'] = 'no'
  }
  return headers
}

export function findHeader(headers: HeaderPairs, wanted: string): string | undefined {
  for (const [name, value] of headers) if (name === wanted) return value
  return undefined
}
