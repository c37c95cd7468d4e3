// The id of a body that is too large to be kept.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnvelopeFinder } from '../../lib/a2a/wire/envelope-finder.ts'
import { envelopeOf } from '../../lib/a2a/wire/json-rpc.ts'

function find(text: string, chunkLength = text.length || 1) {
  const finder = new EnvelopeFinder()
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += chunkLength) finder.append(bytes.subarray(at, at + chunkLength))
  return finder
}
const idAndMethod = ({ id, method }: { id: unknown; method: string | undefined }) => ({ id, method })

describe('the envelope of a body that is not kept', () => {
  test('the id and the method are those of the parsed body, wherever they are and however it is cut', () => {
    const id = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.constant(null))
    const member = fc.tuple(
      fc.constantFrom('id', 'method', 'params', 'jsonrpc', '\\', 'x"'),
      fc.oneof(id, fc.jsonValue()),
    )
    fc.assert(
      fc.property(fc.array(member), fc.integer({ min: 1, max: 9 }), fc.boolean(), (members, cut, spaced) => {
        const text = JSON.stringify(Object.fromEntries(members), undefined, spaced ? 2 : undefined)
        expect(idAndMethod(find(text, cut).envelope())).toEqual(
          idAndMethod(envelopeOf(new TextEncoder().encode(text))),
        )
      }),
    )
  })

  test.each([
    ['the body ends midway', '{"jsonrpc":"2.0","id":7,"method":"a","params":{"x":"y', 7],
    ['the id is in an inner object', '{"params":{"id":1},"x":[{"id":2}]}', null],
    ['the id is a large number', '{"id":12345678901234567890}', { rawJSON: '12345678901234567890' }],
    ['the body is a list', '[{"id":1}]', null],
    ['the body is no JSON', 'id=1', null],
    ['the body is empty', '', null],
    ['the id is longer than any id', `{"id":"${'x'.repeat(2_000)}"}`, null],
  ])('when %s, the id is the right one or null', (_what, text, id) => {
    expect(find(text).envelope().id).toEqual(id)
  })

  test('a body without an object is given up at once', () => {
    expect(find('[').isComplete).toBe(true)
    expect(find('{"id":1,"method":"m",').isComplete).toBe(true)
    expect(find('{"id":1,').isComplete).toBe(false)
  })
})
