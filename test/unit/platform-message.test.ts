// The two forms of a message that the control plane writes: whatever is in it, 1.0 has the same content as 0.3.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toVersion1, writePlatformMessage } from '../../lib/messages/platform-message.ts'

/** Texts that look like the members that differ between the versions. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('"method":"message/send"', '"role":"user","kind":"message"', '{"kind":"data",', '\\'),
)

test('a message has the same content in both versions', () => {
  fc.assert(
    fc.property(
      anyText,
      anyText,
      fc.dictionary(fc.constantFrom('hook', 'event', 'kind', 'role'), anyText),
      fc.option(fc.dictionary(anyText, fc.jsonValue()).map((data) => JSON.stringify(data))),
      (id, text, metadata, data) => {
        const stored = writePlatformMessage({
          id,
          messageId: id,
          text,
          metadata,
          ...(data === null ? {} : { data }),
        })
        const dataOf = data === null ? [] : [JSON.parse(data) as unknown]
        expect(JSON.parse(stored)).toEqual({
          jsonrpc: '2.0',
          id,
          method: 'message/send',
          params: {
            message: {
              messageId: id,
              metadata,
              role: 'user',
              kind: 'message',
              parts: [{ kind: 'text', text }, ...dataOf.map((value) => ({ kind: 'data', data: value }))],
            },
          },
        })
        expect(JSON.parse(toVersion1(stored))).toEqual({
          jsonrpc: '2.0',
          id,
          method: 'SendMessage',
          params: {
            message: {
              messageId: id,
              metadata,
              role: 'ROLE_USER',
              parts: [{ text }, ...dataOf.map((value) => ({ data: value }))],
            },
          },
        })
      },
    ),
  )
})
