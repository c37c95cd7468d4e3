// Which headers cross the proxy. The caller's credential and everything that steers a proxy stop here; what A2A, tracing
// and content need goes through (a2a.md §3.4). Plain pairs, so that every runtime can hand over its own without a copy.

/** Names in lower case. May be walked more than once, so never a generator. */
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
  // Ours to say: the limits are the proxy's.
  'ratelimit',
  'ratelimit-policy',
])

// `fly-force-instance-id` from a caller would pick another tenant's machine; `fly-replay` from an agent moves the request.
const STEERING = ['fly-', 'proxy-', 'cf-', 'x-forwarded-', 'sec-', 'access-control-']

const steers = (name: string) => STEERING.some((prefix) => name.startsWith(prefix))

// Names listed in `Connection` belong to one hop, whatever they are.
function hopsOf(connection: string | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return []
  return connection.split(',').map((name) => name.trim().toLowerCase())
}

function copy(from: HeaderPairs, connection: string | undefined, dropped: ReadonlySet<string>): HeaderRecord {
  const hops = hopsOf(connection)
  const kept: HeaderRecord = {}
  for (const [name, value] of from) {
    if (dropped.has(name) || steers(name) || hops.includes(name)) continue
    const before = kept[name]
    kept[name] = before === undefined ? value : [before, value].flat()
  }
  return kept
}

/**
 * Headers of the request to the agent.
 * @param own what only the proxy may say: which machine, the agent's inbound secret, the proven caller
 */
export function requestHeaders(
  from: HeaderPairs,
  connection: string | undefined,
  own: Record<string, string>,
): HeaderRecord {
  const headers = copy(from, connection, NOT_FORWARDED)
  // A compressed stream would sit in somebody's compressor (a2a.md §3.4).
  headers['accept-encoding'] = 'identity'
  return Object.assign(headers, own)
}

/** Headers of the answer to the caller. `isStream`: nobody on the way may keep or reshape it. */
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
