// Paths of the HTTP+JSON binding, which reach the agent with the platform's credential. A path must name the same resource for the
// proxy, for every server in the agent and for every proxy before it.

/** Encodings are removed at most so many times, to find dot segments that are encoded more than once. */
const MAX_DECODES = 5

/**
 * Whether a path has no empty segments, no dot segments (also encoded, or with a `;parameter`), no backslash and no control
 * characters.
 * @param path begins with a slash, or is empty
 */
export function isPlainPath(path: string): boolean {
  if (path.includes('//')) return false
  let text = path
  for (let decodes = 0; decodes <= MAX_DECODES; decodes++) {
    if (!isUnambiguous(text)) return false
    const decoded = decode(text)
    if (decoded === text) return true
    text = decoded
  }
  return false
}

// oxlint-disable-next-line eslint/no-control-regex -- control characters are refused
const FORBIDDEN = /[\\#\u0000-\u001f\u007f]/

const isUnambiguous = (path: string): boolean =>
  !FORBIDDEN.test(path) && !path.split('/').some((segment) => /^\.{1,2}(?:;|$)/.test(segment))

/** Decodes what can be decoded; an incomplete escape stays as it is. */
const decode = (text: string): string =>
  text.replaceAll(/%[0-9a-f]{2}/gi, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)))
