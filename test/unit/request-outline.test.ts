// Requests are read and completed by position. Every result is compared with what JSON.parse finds in the same text.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { envelopeOf, parseEnvelope } from '../../lib/a2a/wire/json-rpc.ts'
import { parseLossless } from '../../lib/a2a/wire/lossless-json.ts'
import { insertInSlices } from '../../lib/a2a/wire/insert-text.ts'
import { completionOf } from '../../lib/a2a/wire/normalize-message.ts'
import { MAX_COMPLETED_PARTS, outlineInSlices, outlineRequest } from '../../lib/a2a/wire/request-outline.ts'
import type { Steps } from '../../lib/platform/slices.ts'

const toBytes = (text: string) => new TextEncoder().encode(text)
const envelopeIn = (text: string) => envelopeOf(toBytes(text))

function complete(text: string, slice = Infinity): string {
  const body = toBytes(text)
  const { insertions } = completionOf(body, envelopeOf(body))
  return new TextDecoder().decode(runAtOnce(insertInSlices(body, insertions, slice)))
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Objects whose members are often those that the proxy reads. */
const anyRequest = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(
      fc.jsonValue({ maxDepth: 0 }),
      fc.constantFrom('message/send', 'message/stream', 'SendMessage', 'text', 'file'),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(
        fc.constantFrom('id', 'method', 'jsonrpc', 'params', 'message', 'messageId', 'kind', 'parts', 'type'),
        fc.constantFrom('text', 'contextId', '__proto__'),
        fc.string({ unit: 'binary', maxLength: 3 }).filter((key) => key.isWellFormed()),
      ),
      tie('value'),
      { maxKeys: 6 },
    ),
  ),
})).value

type Json = Record<string, unknown>
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The rules of docs/facts/a2a.md §1.4 on parsed JSON, written a second time. */
function expectedOf(body: unknown): unknown {
  if (!isObject(body) || typeof body['method'] !== 'string') return body
  const own = (object: Json, name: string) => (Object.hasOwn(object, name) ? object[name] : undefined)
  const expected: Json = { ...body }
  if (!Object.hasOwn(body, 'jsonrpc')) {
    expected['jsonrpc'] = '2.0'
    if (!Object.hasOwn(body, 'id')) expected['id'] = 'UUID'
  }
  const params = own(body, 'params')
  const message = isObject(params) ? own(params, 'message') : undefined
  if (!['message/send', 'message/stream'].includes(body['method']) || !isObject(params) || !isObject(message))
    return expected
  const completed: Json = { ...message }
  if (!Object.hasOwn(message, 'kind')) completed['kind'] = 'message'
  if (!Object.hasOwn(message, 'messageId')) completed['messageId'] = own(params, 'messageId') ?? 'UUID'
  if (Array.isArray(message['parts'])) completed['parts'] = message['parts'].map(expectedPart)
  return { ...expected, params: { ...params, message: completed } }
}

function expectedPart(part: unknown): unknown {
  if (!isObject(part) || Object.hasOwn(part, 'kind')) return part
  if (Object.hasOwn(part, 'type'))
    return ['text', 'file', 'data'].includes(String(part['type'])) && typeof part['type'] === 'string'
      ? { ...part, kind: part['type'] }
      : part
  return typeof part['text'] === 'string' ? { ...part, kind: 'text' } : part
}

const withoutUuids = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, entry: unknown) =>
    typeof entry === 'string' && uuid.test(entry) ? 'UUID' : entry,
  )

describe('a request', () => {
  test('any JSON value is read and completed as the rules say', () => {
    fc.assert(
      fc.property(anyRequest, fc.constantFrom(undefined, 1, '\t'), fc.nat(50), (body, space, slice) => {
        const text = JSON.stringify(body, null, space)
        const { id, method } = envelopeIn(text)
        const parsed: unknown = JSON.parse(text)
        const own = (name: string) => (isObject(parsed) && Object.hasOwn(parsed, name) ? parsed[name] : null)
        expect(method).toBe(typeof own('method') === 'string' ? own('method') : undefined)
        const expectedId = own('id')
        if (typeof expectedId === 'string' || Number.isSafeInteger(expectedId)) expect(id).toBe(expectedId)
        expect(withoutUuids(JSON.parse(complete(text, slice + 1)))).toEqual(withoutUuids(expectedOf(parsed)))
      }),
      { numRuns: 2_000 },
    )
  })

  test('a scan that pauses anywhere finds the same as one that does not', () => {
    const text = fc.tuple(anyRequest, fc.constantFrom(undefined, 1, '\t'))
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 200 }), ([body, space], slice) => {
        const long = toBytes(
          JSON.stringify({ a: 'x'.repeat(200), body, ...(isObject(body) ? body : {}) }, null, space),
        )
        expect(runAtOnce(outlineInSlices(long, slice))).toEqual(outlineRequest(long))
      }),
      { numRuns: 2_000 },
    )
  })

  test('any text is read without an error, and is not changed unless it is a JSON object', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', 'a', '1', ' ') }),
          fc.json().chain((text) => fc.nat(text.length).map((at) => text.slice(0, at))),
        ),
        (text) => {
          const completed = complete(text)
          if (!text.trimStart().startsWith('{')) expect(completed).toBe(text)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test.each([
    ['of a repeated member the last one counts', '{"method":"a","id":1,"id":"2","method":"b"}', '2', 'b'],
    ['a name may be written with escapes', '{"\\u006dethod":"message/send","i\\u0064":7}', 7, 'message/send'],
    ['white space is allowed everywhere', ' \n{ "id" : 0 ,\t"method" : "x" } \r\n', 0, 'x'],
    ['an id that is a list is not an id', '{"id":[1],"method":"x"}', null, 'x'],
  ])('%s', (_, text, id, method) => {
    expect(envelopeIn(text)).toMatchObject({ id, method })
  })

  test.each([
    '',
    ' ',
    '[]',
    '"x"',
    '5',
    '{',
    '{"id":1',
    '{"id":1}x',
    '{"id":1,}',
    '{id:1}',
    '{"id" 1}',
    '{"id":tru}',
  ])('a body that is not an object is not read: %s', (text) =>
    expect(envelopeIn(text)).toEqual({ id: null, method: undefined, outline: undefined }),
  )

  test('bytes that are not UTF-8 are not text', async () => {
    expect((await parseEnvelope(Uint8Array.from([0xff, 0x7b]))).isText).toBe(false)
  })

  test('an empty message and an empty part are completed without a stray comma', () => {
    const text = '{"jsonrpc":"2.0","method":"message/send","params":{"message":{},"messageId":null}}'
    expect(JSON.parse(complete(text))).toMatchObject({
      params: { message: { kind: 'message', messageId: expect.stringMatching(uuid) as unknown } },
    })
  })

  test('the parts of a message are completed up to a stated number of them', () => {
    const withParts = (count: number) =>
      `{"jsonrpc":"2.0","method":"message/send","params":{"message":{"kind":"message","messageId":"m","parts":[${Array.from(
        { length: count },
        () => '{"text":"a"}',
      ).join(',')}]}}}`
    expect(complete(withParts(MAX_COMPLETED_PARTS)).split('"kind":"text"')).toHaveLength(
      1 + MAX_COMPLETED_PARTS,
    )
    const tooMany = withParts(MAX_COMPLETED_PARTS + 1)
    expect(complete(tooMany)).toBe(tooMany)
  })
})

describe('JSON that is printed again', () => {
  test('numbers keep their text, and everything else is what JSON.parse finds', () => {
    const number = fc.oneof(
      fc.constantFrom(
        '1.0',
        '-0',
        '0.10',
        '1e2',
        '1E+2',
        '9007199254740993',
        '123456789012345678901234567890',
      ),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
      fc.integer().map(String),
    )
    const text: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        number,
        fc.string({ unit: 'binary' }).map((value) => JSON.stringify(value)),
        fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
        fc
          .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,3}$/), tie('value')), {
            maxLength: 4,
            selector: ([name]) => name,
          })
          .map((members) => `{${members.map(([name, value]) => `"${name}":${value}`).join(',')}}`),
      ),
    })).value
    fc.assert(
      fc.property(text, (json) => {
        const { print, value } = parseLossless(json)
        expect(print(value)).toBe(
          JSON.stringify(JSON.parse(json), undefined, 0) === json ? json : print(value),
        )
        expect(JSON.parse(print(value))).toEqual(JSON.parse(json))
        expect(numbersOf(print(value))).toEqual(numbersOf(json))
      }),
      { numRuns: 1_000 },
    )
  })
})

const numbersOf = (json: string) => json.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').match(/-?\d[\d.eE+-]*/g)
