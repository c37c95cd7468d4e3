// Random JSON-RPC requests, valid and invalid. They are generated as text, because printing a parsed value would lose
// duplicates, number spellings and invalid bytes.
import fc from 'fast-check'
import { V0_3, V1_0 } from './dialect.ts'

export type RandomRequest = {
  body: Uint8Array
  headers: Record<string, string>
  /** How fast-check prints a counterexample. */
  [fc.toStringMethod]?: () => string
}

const METHODS = [
  ...Object.values(V0_3.methods),
  ...Object.values(V1_0.methods),
  'ListTasks',
  'rpc.discover',
  'tasks/send',
  'message/Send',
  '',
]

const json = fc.json({ maxDepth: 3, stringUnit: 'binary' })

const id = fc.oneof(
  fc.constantFrom(
    '0',
    '-0',
    '""',
    'null',
    '"1"',
    '1.0',
    '1e3',
    '9007199254740993',
    '1.5',
    'true',
    '{}',
    '[]',
  ),
  fc.bigInt().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => JSON.stringify(text)),
)

const method = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...METHODS).map((name) => JSON.stringify(name)) },
  { weight: 1, arbitrary: json },
)

type Members = Record<string, fc.Arbitrary<string>>

/** A part, a message or parameters in which any member may be present, absent or invalid. */
const withGaps = (members: Members, isMostlyWhole = false): fc.Arbitrary<string> =>
  objectOf(
    Object.entries(members).map(([name, value]) => [
      name,
      fc.oneof(
        { weight: isMostlyWhole ? 30 : 6, arbitrary: value },
        { weight: isMostlyWhole ? 1 : 3, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: json },
      ),
    ]),
  )

function objectOf(members: [name: string, value: fc.Arbitrary<string | undefined>][]): fc.Arbitrary<string> {
  const written = members.map(([name, value]) =>
    value.map((text) => (text === undefined ? undefined : `${JSON.stringify(name)}:${text}`)),
  )
  return fc.tuple(fc.tuple(...written), fc.constantFrom(',', ' ,\n ', ',\t')).map(([texts, comma]) => {
    const there = texts.filter((text) => text !== undefined)
    return `{${there.join(comma)}}`
  })
}

const word = (...words: string[]) => fc.constantFrom(...words.map((text) => JSON.stringify(text)))

const message = (isMostlyWhole: boolean): fc.Arbitrary<string> => {
  const part = withGaps(
    {
      kind: word('text'),
      type: word('text', 'file', 'data', 'image'),
      text: word('hi', 'ü🎈', ''),
      metadata: fc.constantFrom('{"n":1.0}', '{"n":12345678901234567890}', 'null'),
    },
    isMostlyWhole,
  )
  const members: Members = {
    kind: word('message'),
    messageId: word('m', ''),
    role: word('user', 'ROLE_USER'),
    parts: fc.array(part, { maxLength: 3 }).map((parts) => `[${parts.join(',')}]`),
  }
  return withGaps(isMostlyWhole ? members : { ...members, taskId: word('unknown') }, isMostlyWhole)
}

const send: Members = { configuration: fc.constant('{}'), messageId: word('beside') }

const params = fc.oneof(
  { weight: 3, arbitrary: withGaps({ message: message(false), ...send }) },
  {
    weight: 3,
    arbitrary: withGaps({
      id: word('unknown', ''),
      taskId: word('unknown'),
      historyLength: fc.integer().map(String),
    }),
  },
  { weight: 1, arbitrary: json },
)

type Call = { method: string; params: string }

const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ method, params }) },
  // The most frequent calls, mostly valid.
  {
    weight: 1,
    arbitrary: fc.record({
      method: word('message/send', 'message/stream', 'SendMessage', 'SendStreamingMessage'),
      params: withGaps({ message: message(true), ...send }, true),
    }),
  },
)

const jsonrpc = fc.oneof({ weight: 8, arbitrary: fc.constant('"2.0"') }, { weight: 1, arbitrary: json })

// Mostly complete. Some lack members, repeat them, have unknown ones or another order.
const frame = fc
  .record({
    values: fc.record({ call, jsonrpc, id, again: id }),
    gone: fc.subarray(['jsonrpc', 'id', 'method', 'params'], { maxLength: 2 }),
    isWhole: fc.boolean(),
    extra: fc.subarray(['"id":', '"__proto__":', '"extra":'], { maxLength: 1 }),
    order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
  })
  .map(({ extra, gone, isWhole, order, values }) => {
    const { again, call: called, id: numbered, jsonrpc: version } = values
    const members = Object.entries({ jsonrpc: version, id: numbered, ...called })
    const there = order.flatMap((at) => {
      const [name = '', text = ''] = members[at] ?? []
      return isWhole || !gone.includes(name) ? [`${JSON.stringify(name)}:${text}`] : []
    })
    return `{${[...there, ...extra.map((name) => `${name}${again}`)].join(',')}}`
  })

const encoder = new TextEncoder()

/** What can happen to a text before it is a body. */
const body: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 10, arbitrary: frame.map((text) => encoder.encode(text)) },
  {
    weight: 1,
    arbitrary: fc.array(frame, { maxLength: 3 }).map((texts) => encoder.encode(`[${texts.join()}]`)),
  },
  { weight: 1, arbitrary: json.map((text) => encoder.encode(text)) },
  {
    weight: 1,
    arbitrary: fc.tuple(frame, fc.nat(100)).map(([text, at]) => encoder.encode(text).subarray(0, at)),
  },
  { weight: 1, arbitrary: frame.map((text) => encoder.encode(`\uFEFF${text}`)) },
  { weight: 1, arbitrary: frame.map((text) => encoder.encode(` \r\n${text}\n\n`)) },
  { weight: 1, arbitrary: frame.map((text) => encoder.encode(`${text}{`)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(frame, fc.nat(100), fc.constantFrom(0x80, 0xc0, 0xff, 0x00))
      .map(([text, at, byte]) => {
        const bytes = encoder.encode(text)
        return Uint8Array.from([...bytes.subarray(0, at), byte, ...bytes.subarray(at)])
      }),
  },
)

const versionHeader = fc.constantFrom({}, { 'a2a-version': '0.3' }, { 'a2a-version': '1.0' })

/** @param types the content types that are sent */
export const randomRequest = (types: readonly string[]): fc.Arbitrary<RandomRequest> =>
  fc
    .record({ body, version: versionHeader, type: fc.constantFrom(...types) })
    .map(({ body: bytes, version, type }) => ({
      body: bytes,
      headers: { ...version, 'content-type': type },
      [fc.toStringMethod]: () =>
        `${JSON.stringify(Buffer.from(bytes).toString())} as ${type}, ${JSON.stringify(version)}`,
    }))
