// Which headers pass the proxy (docs/facts/a2a.md §3.4). Towards the agent, the caller's credential and every header
// that steers a proxy are removed. Towards the caller, only headers of an allow list pass. Headers are flat lists, which
// HTTP clients and servers read fastest, and which need no array for each header.

/** Names in lower case and values in turn. A name may come more than once. */
export type HeaderList = string[]

/** @returns where the first header of a name is, or -1 */
function indexIn(headers: HeaderList, wanted: string): number {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === wanted) return at
  return -1
}

/** @returns the first value */
export function valueIn(headers: HeaderList, wanted: string): string | undefined {
  const at = indexIn(headers, wanted)
  return at === -1 ? undefined : headers[at + 1]
}

export function toHeaders(list: HeaderList): Headers {
  const headers = new Headers()
  for (let at = 0; at < list.length; at += 2) headers.append(list[at] ?? '', list[at + 1] ?? '')
  return headers
}

const NOT_FORWARDED = new Set([
  // They belong to one hop.
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
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
  from: HeaderList,
  connection: string | undefined,
  added: HeaderList,
): HeaderList {
  const hops = hopsOf(connection)
  // A compressed stream would be buffered in a compressor (docs/facts/a2a.md §3.4).
  const headers = ['accept-encoding', 'identity']
  for (let at = 0; at < from.length; at += 2) {
    const name = from[at] ?? ''
    if (isForwarded(name) && !hops.includes(name) && indexIn(added, name) === -1)
      headers.push(name, from[at + 1] ?? '')
  }
  headers.push(...added)
  return headers
}

/**
 * Headers of the answer to the caller.
 * @param isStream intermediaries must not buffer or transform it
 * @param ownType for an answer without a content type
 */
export function responseHeaders(
  from: HeaderList,
  connection: string | undefined,
  isStream: boolean,
  ownType?: string,
): HeaderList {
  const hops = hopsOf(connection)
  const headers = [
    'x-content-type-options',
    'nosniff',
    'cache-control',
    isStream ? 'no-cache, no-transform' : 'no-store',
  ]
  let type = ownType
  let types = 0
  for (let at = 0; at < from.length; at += 2) {
    const name = from[at] ?? ''
    const value = from[at + 1] ?? ''
    if (name === 'content-type') type = ++types === 1 ? safeContentType(value) : OPAQUE
    else if (RETURNED.has(name) && !hops.includes(name)) append(headers, name, value)
  }
  if (type !== undefined) headers.push('content-type', type)
  if (isStream) headers.push('x-accel-buffering', 'no')
  return headers
}

/** Adds a header, or a value to a header that is there. */
function append(headers: HeaderList, name: string, value: string): void {
  const at = indexIn(headers, name)
  if (at === -1) headers.push(name, value)
  else headers[at + 1] += `, ${value}`
}

/** Without the headers that describe the bytes of a body. */
export const withoutBodyFacts = (headers: HeaderList): HeaderList =>
  headers.filter((_, at) => !BODY_FACTS.has(headers[at - (at % 2)] ?? ''))

const BODY_FACTS = new Set(['content-encoding', 'content-length', 'etag', 'last-modified'])

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
