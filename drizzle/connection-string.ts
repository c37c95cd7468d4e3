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
  const mode = url.searchParams.get('sslmode')
  if (mode !== null && !SSL_MODES.includes(mode))
    return `has an unknown sslmode: use one of ${SSL_MODES.join(', ')}`
  return undefined
}

/** The modes of libpq and node-postgres, except libpq's `allow`, which needs a second connection. */
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']

/** How special characters are written in the user name and the password of a URL. */
export const ENCODING =
  'percent-encode special characters of user and password: @ is %40, / is %2F, : is %3A, # is %23, ? is %3F'

/**
 * The same connection string for node-postgres, which treats these modes as `verify-full` and prints a page about it. Neon's
 * own connection strings have `sslmode=require`. libpq's `sslrootcert=system` stands for the authorities that Node knows, too.
 */
export function withExplicitSslMode(text: string): string {
  const url = new URL(text)
  const parameters = url.searchParams
  const mode = parameters.get('sslmode')
  const isSystem = parameters.get('sslrootcert') === 'system'
  const meansFull = isSystem || (mode !== null && ['prefer', 'require', 'verify-ca'].includes(mode))
  if (!meansFull || (!isSystem && parameters.get('uselibpqcompat') === 'true')) return text
  parameters.set('sslmode', 'verify-full')
  if (isSystem) {
    parameters.delete('sslrootcert')
    parameters.delete('uselibpqcompat')
  }
  return url.href
}
