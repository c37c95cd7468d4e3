// A request of the console as what people type: curl, and the command line of this project. The token is never in it.

export type ApiRequest = {
  method: string
  /** Path and query, such as `/workspaces?status=failed`. */
  path: string
  body?: unknown
  headers?: Readonly<Record<string, string>>
}

/** @param origin the address of the server, such as `https://agents.example.com` */
export function curlOf(
  { body, headers = {}, method, path }: ApiRequest,
  origin: string,
  hasToken: boolean,
): string {
  const all = {
    ...(hasToken ? { Authorization: 'Bearer $MOLECULE_FLY_TOKEN' } : {}),
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...headers,
  }
  const parts = [
    `curl -s${method === 'GET' ? '' : ` -X ${method}`} ${quote(`${origin}${path}`)}`,
    // Double quotes, so that the shell inserts the token.
    ...Object.entries(all).map(([name, value]) => `-H "${name}: ${value}"`),
    ...(body === undefined ? [] : [`-d ${quote(JSON.stringify(body))}`]),
  ]
  return parts.join(' \\\n  ')
}

/** A word for a POSIX shell: in single quotes where it has to be. */
export const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** @param words the command and its arguments, without the program */
export const cliOf = (words: readonly string[], origin: string): string =>
  ['npx molecule-fly', ...words.map(quote), `--url ${quote(origin)}`].join(' ')
