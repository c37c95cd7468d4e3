// Replaces `@neondatabase/serverless` in the Worker's bundle (wrangler.toml, `alias`): only its SQL over HTTP, one fetch a
// statement. The package contains a whole node-postgres for WebSockets, an eighth of the bundle, which no request uses.
// test/worker/neon-client.test.ts compares the two.
import { parse as parseArray } from 'postgres-array'
import { readBoundedText } from '../../lib/platform/bounded-reader.ts'

/** Neon sends no more: https://neon.com/docs/serverless/serverless-driver, limits of SQL over HTTP. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

type Row = (string | null)[]
type Answer = {
  fields: { name: string; dataTypeID: number }[]
  rows: Row[]
  rowCount: number
  command: string
}
type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Where statements are sent, and how: for all clients of this isolate. */
export const neonConfig: { fetchEndpoint: (host: string) => string; fetchFunction: Fetch } = {
  fetchEndpoint: (host) => `https://${host.replace(/^[^.]+\./, 'api.')}/sql`,
  fetchFunction: (url, init) => fetch(url, init),
}

/** What Postgres or the way to it refused, with the fields of Postgres' error, such as the SQLSTATE in `code`. */
export class NeonDbError extends Error {
  override name = 'NeonDbError'
  /** Why no answer came. */
  sourceError?: unknown
}

/** The fields of an error of Postgres (https://www.postgresql.org/docs/current/protocol-error-fields.html). */
const ERROR_FIELDS = [
  'severity',
  'code',
  'detail',
  'hint',
  'position',
  'internalPosition',
  'internalQuery',
  'where',
  'schema',
  'table',
  'column',
  'dataType',
  'constraint',
  'file',
  'line',
  'routine',
]

type Parse = (text: string) => unknown
const each = (parse: Parse): Parse => {
  const parseItem = (item: string) => parse(item)
  return (text) => parseArray(text, parseItem)
}
const toBoolean: Parse = (text) => text === 't'
const toJson: Parse = (text) => JSON.parse(text) as unknown
const asText: Parse = (text) => text

/** By the oid of the type (`select oid, typname from pg_type`); the text of any other type is kept, as of bigint and times. */
const PARSERS = new Map<number, Parse>([
  [16, toBoolean],
  [21, Number],
  [23, Number],
  [26, Number],
  [700, Number],
  [701, Number],
  [114, toJson],
  [3802, toJson],
  [1000, each(toBoolean)],
  [1005, each(Number)],
  [1007, each(Number)],
  [1028, each(Number)],
  [1021, each(Number)],
  [1022, each(Number)],
  [199, each(toJson)],
  [3807, each(toJson)],
  [1009, each(asText)],
  [1014, each(asText)],
  [1015, each(asText)],
  [1016, each(asText)],
  [2951, each(asText)],
])

/** Drizzle sets how times are read. */
export const types = {
  builtins: { DATE: 1082, TIMESTAMP: 1114, TIMESTAMPTZ: 1184, INTERVAL: 1186 },
  setTypeParser: (oid: number, parse: Parse): void => void PARSERS.set(oid, parse),
}

type Parameter = string | number | bigint | boolean | object | null | undefined

/** A parameter as the text that Postgres reads. */
function encode(value: Parameter): string | null {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return `{${value.map(encodeItem).join(',')}}`
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function encodeItem(item: Parameter): string {
  const text = encode(item)
  if (text === null) return 'NULL'
  return Array.isArray(item) ? text : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}

function toError(status: number, text: string): NeonDbError {
  if (status !== 400) return new NeonDbError(`Server error (HTTP status ${status}): ${text}`)
  const shown = JSON.parse(text) as Record<string, unknown>
  const fields = ERROR_FIELDS.map((name) => [name, shown[name] ?? undefined])
  return Object.assign(new NeonDbError(String(shown['message'])), Object.fromEntries(fields))
}

/**
 * @param url the connection string
 * @param options.fetchOptions what `neonConfig.fetchFunction` gets with each request
 */
export function neon(url: string, { fetchOptions = {} }: { fetchOptions?: object } = {}) {
  const { hostname } = new URL(url)
  const headers = {
    'Neon-Connection-String': url,
    'Neon-Raw-Text-Output': 'true',
    'Neon-Array-Mode': 'true',
  }

  /** @throws NeonDbError */
  async function send(query: string, params: Parameter[]): Promise<Answer> {
    const body = JSON.stringify({ query, params: params.map(encode) })
    const endpoint = neonConfig.fetchEndpoint(hostname)
    let response
    try {
      response = await neonConfig.fetchFunction(endpoint, { method: 'POST', body, headers, ...fetchOptions })
    } catch (error) {
      const failure = new NeonDbError(`Error connecting to database: ${String(error)}`)
      failure.sourceError = error
      throw failure
    }
    const text = await readBoundedText(response, MAX_ANSWER_BYTES)
    if (!response.ok) throw toError(response.status, text)
    return JSON.parse(text) as Answer
  }

  /** @param options.arrayMode rows as arrays, and not as objects */
  async function query(text: string, params: Parameter[] = [], { arrayMode = false } = {}) {
    const answer = await send(text, params)
    const parsers = answer.fields.map(({ dataTypeID }) => PARSERS.get(dataTypeID) ?? asText)
    const values = answer.rows.map((row) =>
      row.map((column, at) => (column === null ? null : (parsers[at] ?? asText)(column))),
    )
    if (arrayMode) return { ...answer, rows: values }
    const toObject = (row: unknown[]) =>
      Object.fromEntries(answer.fields.map(({ name }, at) => [name, row[at]]))
    return { ...answer, rows: values.map(toObject) }
  }
  return { query }
}
