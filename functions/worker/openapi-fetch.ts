// Replaces `openapi-fetch` in the Worker's bundle (wrangler.toml, `alias`): the part of it that the client package uses for the tools
// of the MCP server. test/worker/openapi-fetch.test.ts compares the two.
import { readBoundedText } from '../../lib/platform/bounded-reader.ts'

/** Of this API, whose pages have at most 1,000 rows. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

type Value = string | number | boolean | null | undefined
type Values = Record<string, Value>
type Query = Record<string, Value | readonly Value[]>
type Input = {
  body?: unknown
  headers?: Values
  params?: { header?: Values; path?: Values; query?: Query }
  parseAs?: 'json' | 'text'
}
type Check = { onResponse: (answer: { response: Response }) => Promise<void> }
type ClientOptions = {
  baseUrl: string
  headers: Record<string, string>
  fetch: (request: Request) => Promise<Response>
}

export default function createClient({ baseUrl, fetch, headers }: ClientOptions) {
  const checks: Check[] = []

  const method =
    (name: string) =>
    async (path: string, { body, headers: own, params = {}, parseAs, ...unknown }: Input = {}) => {
      for (const option in unknown) throw new TypeError(`the Worker's openapi-fetch does not know ${option}`)
      const sent = new Headers(body === undefined ? {} : { 'content-type': 'application/json' })
      for (const [header, value] of Object.entries({ ...headers, ...own, ...params.header }))
        if (value != null) sent.set(header, String(value))
      const response = await fetch(
        new Request(`${baseUrl}${filledIn(path, params.path)}${searchOf(params.query)}`, {
          method: name,
          headers: sent,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      )
      for (const { onResponse } of checks) await onResponse({ response })
      const text = await readBoundedText(response, MAX_ANSWER_BYTES)
      if (parseAs === 'text') return { data: text, response }
      return { data: text === '' ? undefined : (JSON.parse(text) as unknown), response }
    }

  return {
    GET: method('GET'),
    POST: method('POST'),
    PUT: method('PUT'),
    PATCH: method('PATCH'),
    DELETE: method('DELETE'),
    use: (check: Check): void => void checks.push(check),
  }
}

const filledIn = (path: string, values: Values = {}) =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])))

function searchOf(query: Query = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one == null ? [] : [`${name}=${encodeURIComponent(String(one))}`])),
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}
