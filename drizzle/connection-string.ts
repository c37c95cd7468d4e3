// Connection strings: what people get wrong in them, and what node-postgres needs to have changed.

/** @returns what is wrong with a connection string, as the end of a sentence about it; undefined when it can be used */
export function findUrlMistake(text: string): string | undefined {
  if (!URL.canParse(text)) return `must be a URL such as postgres://user:password@host/database; ${ENCODING}`
  const url = new URL(text)
  if (!/^postgres(ql)?:$/.test(url.protocol)) return 'must be a postgres:// URL'
  // An unencoded /, # or ? in the password ends the host early, and leaves the real one behind it.
  if (url.pathname.includes('@') || url.hash !== '' || /^\?[^=]*@/.test(url.search)) {
    return `has an unencoded character in its password; ${ENCODING}`
  }
  return undefined
}

/** How special characters are written in the user name and the password of a URL. */
export const ENCODING =
  'percent-encode special characters of user and password: @ is %40, / is %2F, : is %3A, # is %23, ? is %3F'

/**
 * The same connection string for node-postgres, which treats these modes as `verify-full` and prints a page about it. Neon's
 * own connection strings have `sslmode=require`.
 */
export function withExplicitSslMode(text: string): string {
  const url = new URL(text)
  const mode = url.searchParams.get('sslmode')
  if (url.searchParams.get('uselibpqcompat') === 'true' || mode === null) return text
  if (!['prefer', 'require', 'verify-ca'].includes(mode)) return text
  url.searchParams.set('sslmode', 'verify-full')
  return url.href
}
