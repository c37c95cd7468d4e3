// Random answers of an agent: bytes with every JSON type and status, event streams with everything that SSE allows, and
// paths with every character that a path may contain.
import fc from 'fast-check'
import type { Script } from '../agents/scripted-agent.ts'

/** Statuses that allow a body and do not concern the connection between proxy and agent. */
const STATUSES = [
  200, 201, 202, 400, 402, 403, 404, 405, 409, 410, 415, 418, 422, 429, 500, 501, 502, 503, 504,
]

const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'Application/JSON',
  'application/a2a+json',
  'application/problem+json;x="y"',
]

/** Split at random offsets, also within a character. */
const inChunks = (bytes: Uint8Array): fc.Arbitrary<Uint8Array[]> =>
  fc.array(fc.nat(Math.max(0, bytes.length - 1)), { maxLength: 8 }).map((places) => {
    const borders = [...new Set([0, ...places, bytes.length])].toSorted((a, b) => a - b)
    return borders.slice(1).map((end, at) => bytes.subarray(borders[at], end))
  })

export const randomAnswer: fc.Arbitrary<Script> = fc
  .record({
    status: fc.constantFrom(...STATUSES),
    type: fc.constantFrom(...TYPES),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
    ),
    isCounted: fc.boolean(),
    extra: fc.dictionary(
      fc.constantFrom(
        'x-a',
        'a2a-extensions',
        'x-a2a-extensions',
        'etag',
        'cache-control',
        'retry-after',
        'vary',
      ),
      fc.stringMatching(/^[\w"=;,/-]{1,20}$/),
    ),
  })
  .chain(({ bytes, extra, isCounted, status, type }) =>
    inChunks(bytes).map((chunks) => ({
      status,
      headers: {
        'content-type': type,
        ...(isCounted ? { 'content-length': String(bytes.length) } : {}),
        ...extra,
      },
      chunks,
    })),
  )

const text = fc.string({ unit: 'grapheme', maxLength: 10 }).map((line) => line.replaceAll(/[\r\n]/g, ''))

const line = fc.oneof(
  { weight: 4, arbitrary: text.map((value) => `data: ${value}`) },
  { weight: 1, arbitrary: text.map((value) => `data:${value}`) },
  { weight: 1, arbitrary: fc.json().map((value) => `data: ${value}`) },
  { weight: 1, arbitrary: text.map((value) => `: ${value}`) },
  { weight: 1, arbitrary: text.map((value) => `id: ${value}`) },
  { weight: 1, arbitrary: fc.constantFrom('event: error', 'event: x', 'retry: 10', 'nonsense', 'data') },
)

/** Events of several lines, with any of the three line endings. The last event may be truncated. */
export const randomStream: fc.Arbitrary<Uint8Array[]> = fc
  .record({
    events: fc.array(fc.array(line, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
    newline: fc.constantFrom('\n', '\r\n', '\r'),
    bom: fc.constantFrom('', '\uFEFF'),
    rest: fc.constantFrom('', 'data: cut sh'),
  })
  .map(({ bom, events, newline, rest }) => {
    const written = events.map((lines) => `${lines.join(newline)}${newline}${newline}`)
    return new TextEncoder().encode(`${bom}${written.join('')}${rest}`)
  })
  .chain(inChunks)

const segment = fc.stringMatching(/^([A-Za-z0-9_~!$&'()*+,;=:@|-]|%[0-9A-F]{2}){1,12}$/)

/** The proxy refuses dot segments, also encoded ones. */
const hasDotSegment = (path: string): boolean => {
  const decoded = path.replaceAll(/%[0-9A-F]{2}/g, (escape) =>
    String.fromCharCode(Number.parseInt(escape.slice(1), 16)),
  )
  return decoded === path
    ? path.split(/[/\\]/).some((one) => /^\.{1,2}(;|$)/.test(one))
    : hasDotSegment(decoded)
}

/** A path and a query as on the wire. Dot segments are left out, and an empty query, because URL parsers on the way remove it. */
export const randomTail: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(segment, { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '/'),
    fc.option(fc.stringMatching(/^([A-Za-z0-9_~!$&()*+,;=:@/?.|-]|%[0-9A-F]{2}){1,20}$/)),
  )
  .filter(([segments]) => !hasDotSegment(segments.join('/')))
  .map(([segments, end, query]) => `/${segments.join('/')}${end}${query === null ? '' : `?${query}`}`)
