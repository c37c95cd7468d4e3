// A rewritten card keeps every member that it does not concern. The comparison reads JSON by a parser of its own, because
// JSON.parse of Node 24.21 sometimes mistakes an escaped name for another one.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rewriteExtendedCard } from '../../lib/a2a/wire/agent-card.ts'

const OPTIONS = {
  url: 'https://edge.example/workspaces/11111111-1111-4111-8111-111111111111/a2a',
  secured: false,
}

/** Tokens of JSON: white space is left out, strings are decoded one by one, other tokens keep their text. */
const tokens = (text: string): string[] =>
  (text.match(/"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|[{}[\],:]/g) ?? []).map((token) =>
    token.startsWith('"') ? `"${JSON.parse(token) as string}` : token,
  )

/** A string as JSON, with some of its characters written as escapes. */
const spelled = (text: fc.Arbitrary<string>) =>
  fc.tuple(text, fc.integer()).map(([value, mask]) => {
    const written = Array.from({ length: value.length }, (_, at) =>
      (mask >> (at % 31)) & 1
        ? `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`
        : JSON.stringify(value.charAt(at)).slice(1, -1),
    )
    return `"${written.join('')}"`
  })

const word = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '\\', '"', 'é', '\n', '/', '😀'), maxLength: 4 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', '1', '0'),
)
const number = fc.constantFrom('0', '-0', '1.0', '1e2', '9007199254740993', '0.1', '-12.50', '1E-300')

/** JSON text of any value. Numeric names and repeated ones are left out: objects cannot keep their order. */
const { json } = fc.letrec<{ json: string; object: string }>((tie) => ({
  object: fc
    .uniqueArray(fc.tuple(spelled(word), tie('json')), {
      maxLength: 4,
      selector: ([name]) => JSON.parse(name) as string,
    })
    .map((members) => {
      const kept = members.filter(([name]) => !/^\d+$/.test(JSON.parse(name) as string))
      return `{${kept.map(([name, value]) => `${name} : ${value}`).join(', ')}}`
    }),
  json: fc.oneof(
    { depthSize: 'small' },
    spelled(word),
    number,
    fc.constantFrom('true', 'null'),
    fc.array(tie('json'), { maxLength: 3 }).map((entries) => `[${entries.join(' , ')}]`),
    tie('object'),
  ),
}))

describe('a rewritten card', () => {
  test('a rewritten card differs from the original in its address only, whatever else it contains', () => {
    fc.assert(
      fc.property(fc.array(json, { minLength: 1, maxLength: 8 }), (values) => {
        const card = (url: string) =>
          `{"name":"a","url":${JSON.stringify(url)},"x-values":[${values.join(',')}],"skills":[{"id":1.0,"x\\u0079":2}]}`
        const rewritten = rewriteExtendedCard(card('http://10.0.0.7:8000/'), 'rest', OPTIONS)
        expect(tokens(rewritten)).toEqual(tokens(card(OPTIONS.url)))
      }),
      { numRuns: 1_000 },
    )
  })

  test('escaped names keep their meaning after other names with backslashes were read', () => {
    JSON.parse('{"url":"http://x/","\\\\":1}')
    const rewritten = rewriteExtendedCard('{"url":"http://x/","\\"":1,"name":"a"}', 'rest', OPTIONS)
    expect(rewritten).toBe(`{"url":"${OPTIONS.url}","\\"":1,"name":"a"}`)
    // The name of a known member may be escaped, too.
    expect(rewriteExtendedCard('{"\\u0075rl":"http://x/","name":"a"}', 'rest', OPTIONS)).toBe(
      `{"url":"${OPTIONS.url}","name":"a"}`,
    )
  })
})
