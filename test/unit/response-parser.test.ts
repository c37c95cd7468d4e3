// What the client of agents understands of a response over HTTP/1.1: in any pieces, and never otherwise than Node's own parser does.
import { request } from 'node:http'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidResponse, type ResponseHead } from '../../functions/node/http-client/response-head.ts'
import { ResponseParser } from '../../functions/node/http-client/response-parser.ts'

type Outcome = { status?: number; headers?: string[]; isPersistent?: boolean; body: string; end: string }

/** @returns what the parser reports; `end` is `whole`, `open`, or why the response was refused */
function parse(pieces: string[], { closes = false, method = 'POST' } = {}): Outcome {
  const outcome: Outcome = { body: '', end: 'open' }
  const parser = new ResponseParser()
  parser.begin(method, {
    head({ headers, isPersistent, status }: ResponseHead) {
      Object.assign(outcome, { status, headers, isPersistent })
    },
    data: (bytes) => void (outcome.body += bytes.toString('latin1')),
    end: () => void (outcome.end = 'whole'),
  })
  try {
    for (const piece of pieces) parser.push(Buffer.from(piece, 'latin1'))
    if (closes) parser.finish()
  } catch (error) {
    if (!(error instanceof InvalidResponse)) throw error
    outcome.end = error.message
  }
  return outcome
}

const response = (...lines: string[]) => lines.join('\r\n')

const WHOLE: [string, string, Partial<Outcome>, { closes?: boolean; method?: string }?][] = [
  [
    'a length',
    response('HTTP/1.1 200 OK', 'Content-Type: application/json', 'content-length: 2', '', '{}'),
    { status: 200, headers: ['content-type', 'application/json', 'content-length', '2'], body: '{}' },
  ],
  ['no reason phrase', response('HTTP/1.1 404', 'content-length:0', '', ''), { status: 404, body: '' }],
  [
    'blanks around a value',
    response('HTTP/1.1 200 OK', 'content-length: \t 1 \t', '', 'x'),
    { headers: ['content-length', '1'], body: 'x' },
  ],
  [
    'chunks with extensions and trailers',
    response(
      'HTTP/1.1 200 OK',
      'transfer-encoding: Chunked',
      '',
      '3;a="b"',
      'abc',
      'A',
      '0123456789',
      '0',
      'x: y',
      '',
      '',
    ),
    { body: 'abc0123456789', isPersistent: true },
  ],
  [
    'chunks without trailers',
    response('HTTP/1.1 200 OK', 'transfer-encoding: chunked', '', '1', '\n', '0', '', ''),
    { body: '\n' },
  ],
  [
    'a body until the connection ends',
    response('HTTP/1.1 200 OK', 'x: 1', '', 'all\r\n\r\nof it'),
    { body: 'all\r\n\r\nof it', isPersistent: false },
    { closes: true },
  ],
  [
    'interim responses before it',
    response(
      'HTTP/1.1 103 Early Hints',
      'link: x',
      '',
      'HTTP/1.1 102 Processing',
      '',
      'HTTP/1.1 201 Created',
      'content-length: 1',
      '',
      'y',
    ),
    { status: 201, body: 'y' },
  ],
  [
    'an answer to HEAD',
    response('HTTP/1.1 200 OK', 'content-length: 5', '', ''),
    { body: '' },
    { method: 'HEAD' },
  ],
  ['no content', response('HTTP/1.1 204 No Content', '', ''), { status: 204, isPersistent: true }],
  [
    'no content, but a length, which may be sent',
    response('HTTP/1.1 304 Not Modified', 'content-length: 5', '', ''),
    { status: 304, isPersistent: false },
  ],
  [
    'the end of the connection',
    response('HTTP/1.1 200 OK', 'connection: TE, Close', 'content-length: 0', '', ''),
    { isPersistent: false },
  ],
  ['HTTP/1.0', response('HTTP/1.0 200 OK', 'content-length: 0', '', ''), { isPersistent: false }],
  [
    'HTTP/1.0 that stays',
    response('HTTP/1.0 200 OK', 'connection: keep-alive', 'content-length: 0', '', ''),
    { isPersistent: true },
  ],
]

test.each(WHOLE)('a response with %s is the same in all pieces', (_, text, expected, options) => {
  const outcome = parse([text], options)
  expect(outcome).toMatchObject({ ...expected, end: 'whole' })
  expect(parse(text.split(''), options)).toEqual(outcome)
  for (let at = 0; at <= text.length; at++)
    expect(parse([text.slice(0, at), text.slice(at)], options)).toEqual(outcome)
})

const OK = 'HTTP/1.1 200 OK'
const CHUNKED = 'transfer-encoding: chunked'

test.each([
  ['another protocol', 'HTTP/2 200\r\n\r\n'],
  ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 99 x\r\n\r\n'],
  ['a bare line feed in the headers', `${OK}\r\na: b\nc: d\r\n\r\n`],
  ['a bare carriage return in the headers', `${OK}\r\na: b\rc: d\r\n\r\n`],
  ['a NUL in a value', `${OK}\r\na: b\0\r\n\r\n`],
  ['a continued header', `${OK}\r\na: b\r\n c\r\n\r\n`],
  ['a blank before the colon', `${OK}\r\ncontent-length : 5\r\n\r\n`],
  ['a header without a name', `${OK}\r\n: x\r\n\r\n`],
  ['a header without a colon', `${OK}\r\ncontent-length\r\n\r\n`],
  ['two lengths', `${OK}\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n`],
  ['a list of lengths', `${OK}\r\ncontent-length: 5, 5\r\n\r\n`],
  ['a negative length', `${OK}\r\ncontent-length: -1\r\n\r\n`],
  ['a length that is too large for a number', `${OK}\r\ncontent-length: 9999999999999999\r\n\r\n`],
  ['a length and chunks', `${OK}\r\ncontent-length: 5\r\n${CHUNKED}\r\n\r\n`],
  ['another transfer encoding', `${OK}\r\ntransfer-encoding: gzip, chunked\r\n\r\n`],
  ['two transfer encodings', `${OK}\r\n${CHUNKED}\r\n${CHUNKED}\r\n\r\n`],
  ['a chunk that is longer than it says', `${OK}\r\n${CHUNKED}\r\n\r\n1\r\nab\r\n0\r\n\r\n`],
  ['a chunk without a size', `${OK}\r\n${CHUNKED}\r\n\r\n\r\n`],
  ['a size with a sign', `${OK}\r\n${CHUNKED}\r\n\r\n+1\r\na\r\n0\r\n\r\n`],
  ['a size with a prefix', `${OK}\r\n${CHUNKED}\r\n\r\n0x1\r\na\r\n0\r\n\r\n`],
  ['a line feed alone after a size', `${OK}\r\n${CHUNKED}\r\n\r\n1\na\r\n0\r\n\r\n`],
  ['a line feed alone after an extension', `${OK}\r\n${CHUNKED}\r\n\r\n1;ab\na\r\n0\r\n\r\n`],
  ['a size of too many digits', `${OK}\r\n${CHUNKED}\r\n\r\n0000000000001\r\na\r\n0\r\n\r\n`],
  ['a size without an end', `${OK}\r\n${CHUNKED}\r\n\r\n${'0'.repeat(300)}`],
  ['headers without an end', `${OK}\r\n${'a: b\r\n'.repeat(3_000)}`],
  ['trailers without an end', `${OK}\r\n${CHUNKED}\r\n\r\n0\r\n${'a: b\r\n'.repeat(3_000)}`],
  ['a change of the protocol', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'],
  ['interim responses without an end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(11)],
  ['bytes after its end', `${OK}\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n`],
])('a response with %s is refused, in all pieces', (_, text) => {
  const { end } = parse([text])
  expect(['whole', 'open']).not.toContain(end)
  expect(parse(text.split('')).end).toBe(end)
})

test('a connection that ends before the response does is no response', () => {
  for (const text of [
    OK,
    `${OK}\r\n\r`,
    `${OK}\r\ncontent-length: 2\r\n\r\n{`,
    `${OK}\r\n${CHUNKED}\r\n\r\n2\r\n{}\r\n0\r\n`,
  ])
    expect(parse([text], { closes: true }).end).toBe('the connection ended before the response')
})

test('what comes of a body before a mistake is passed on', () => {
  const text = `${OK}\r\n${CHUNKED}\r\n\r\n3\r\nabc\r\nx\r\n`
  expect(parse([text])).toMatchObject({ body: 'abc', end: 'the size of a chunk is not a number' })
})

/** The response as Node's own client reads it, or undefined if it reports an error. */
const nodeReads = (text: string) =>
  new Promise<{ status: number; body: string } | undefined>((resolve) => {
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    const sent = request({ method: 'POST', createConnection: () => socket }, (incoming) => {
      let body = ''
      incoming
        .setEncoding('latin1')
        .on('data', (chunk: string) => void (body += chunk))
        .on('error', () => resolve(undefined))
        .on('end', () => resolve({ status: incoming.statusCode ?? 0, body }))
    })
    sent.on('error', () => resolve(undefined)).on('upgrade', () => resolve(undefined))
    sent.end(() => {
      socket.push(text, 'latin1')
      setImmediate(() => socket.push(null))
    })
  })

describe('beside the parser of Node', () => {
  const anyName = fc.stringMatching(/^[A-Za-z][A-Za-z-]{0,10}$/).map((name) => `x-${name}`)
  const anyHeader = fc
    .tuple(anyName, fc.stringMatching(/^[\x21-\x7e\x80-\xff ]{0,20}$/))
    .map((pair) => pair.join(': '))
  const anyByte = fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte))
  const anyBody = fc.string({ unit: anyByte, maxLength: 60 })
  const inChunks = (parts: string[]) =>
    [...parts.filter(Boolean).map((part) => `${part.length.toString(16)}\r\n${part}\r\n`), '0\r\n\r\n'].join(
      '',
    )
  const anyResponse = fc
    .tuple(
      fc.integer({ min: 200, max: 599 }),
      fc.array(anyHeader, { maxLength: 4 }),
      fc.array(anyBody, { maxLength: 4 }),
      fc.constantFrom('length', 'chunks', 'close'),
    )
    .map(([status, headers, parts, framing]) => {
      const body = parts.join('')
      const own = { length: [`content-length: ${body.length}`], chunks: [CHUNKED], close: [] }[framing]
      const head = response(`HTTP/1.1 ${status} x`, ...headers, ...own, '', '')
      return { status, body, text: head + (framing === 'chunks' ? inChunks(parts) : body) }
    })
    .filter(({ status }) => status !== 204 && status !== 304)

  test('a correct response is read as it was written, in any pieces', () => {
    fc.assert(
      fc.property(anyResponse, fc.array(fc.nat()), ({ body, status, text }, cuts) => {
        const ends = [...new Set(cuts.map((cut) => cut % text.length))].toSorted((a, b) => a - b)
        const pieces = [...ends, text.length].map((end, at) => text.slice(ends[at - 1] ?? 0, end))
        expect(parse(pieces, { closes: true })).toMatchObject({ status, body, end: 'whole' })
      }),
    )
  })

  test('a damaged response that both read means the same to both', async () => {
    const damage = fc.tuple(
      fc.nat(),
      fc.nat({ max: 3 }),
      fc.constantFrom(
        '',
        '\r',
        '\n',
        '\r\n',
        ' ',
        ':',
        '0',
        'a',
        ';',
        ',',
        '\0',
        '\x80',
        'content-length: 3\r\n',
        `${CHUNKED}\r\n`,
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        anyResponse,
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        async ({ text }, damages) => {
          let damaged = text
          for (const [place, removed, added] of damages) {
            const at = place % (damaged.length + 1)
            damaged = damaged.slice(0, at) + added + damaged.slice(at + removed)
          }
          const { body, end, status } = parse([damaged], { closes: true })
          const read = end === 'whole' ? await nodeReads(damaged) : undefined
          if (read !== undefined) expect({ damaged, read }).toEqual({ damaged, read: { status, body } })
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
