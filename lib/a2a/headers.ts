// Which headers cross the proxy. The caller's credential and everything that steers a proxy stop here; what A2A, tracing
// and content need goes through (a2a.md §3.4).

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
  // fetch has decoded the body by now, so these would describe other bytes.
  'content-encoding',
  'content-length',
])

// `fly-force-instance-id` from a caller would pick another tenant's machine; `fly-replay` from an agent moves the request.
const STEERING = /^(fly-|proxy-|cf-|x-forwarded-|sec-|access-control-)/

function copy(from: Headers, dropped: ReadonlySet<string>): Headers {
  const listed = new Set((from.get('connection') ?? '').split(',').map((name) => name.trim().toLowerCase()))
  const kept = new Headers()
  for (const [name, value] of from) {
    if (!dropped.has(name) && !listed.has(name) && !STEERING.test(name)) kept.append(name, value)
  }
  return kept
}

/** Headers of the request to the agent. `route` picks its machine. */
export function requestHeaders(from: Headers, route: Record<string, string>): Headers {
  const headers = copy(from, NOT_FORWARDED)
  // A compressed stream would sit in somebody's compressor (a2a.md §3.4).
  headers.set('accept-encoding', 'identity')
  for (const [name, value] of Object.entries(route)) headers.set(name, value)
  return headers
}

/** Headers of the answer to the caller. */
export function responseHeaders(from: Headers): Headers {
  const headers = copy(from, NOT_RETURNED)
  if (headers.get('content-type')?.startsWith('text/event-stream') === true) {
    headers.set('cache-control', 'no-cache, no-transform')
    headers.set('x-accel-buffering', 'no')
  }
  return headers
}
