// Paths of the HTTP+JSON binding, which reach the agent with the platform's credential. A path must name the same
// resource for the proxy, for every server in the agent and for every proxy before it.

/** Encodings are removed at most so many times, to find dot segments that are encoded more than once. */
const MAX_DECODES = 5

/**
 * Whether a path has no empty segments and no dot segments. Dot segments count also where they are encoded, have a
 * `;parameter` or follow a backslash, because servers differ in what they decode and split.
 * @param path begins with a slash, or is empty
 */
export function isPlainPath(path: string): boolean {
  if (path.includes('//')) return false
  // Without a dot and an escape there are no dot segments.
  if (!/[.%]/.test(path)) return true
  let text = path
  for (let decodes = 0; decodes <= MAX_DECODES; decodes++) {
    if (hasDotSegment(text)) return false
    const decoded = decode(text)
    if (decoded === text) return true
    text = decoded
  }
  return false
}

const hasDotSegment = (path: string): boolean =>
  path.split(/[/\\]/).some((segment) => /^\.{1,2}(?:;|$)/.test(segment))

/** Decodes what can be decoded; an incomplete escape stays as it is. */
const decode = (text: string): string =>
  text.replaceAll(/%[0-9a-f]{2}/gi, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)))
