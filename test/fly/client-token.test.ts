import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { authorizationHeader } from '../../lib/fly/token.ts'

describe('the Authorization header', () => {
  it.each([
    ['abc', 'Bearer abc'],
    ['  abc\n', 'Bearer abc'],
    ['Bearer abc', 'Bearer abc'],
    ['bearer   abc', 'Bearer abc'],
    ['fm2_x', 'FlyV1 fm2_x'],
    ['fm1r_x', 'FlyV1 fm1r_x'],
    ['fm1a_x', 'FlyV1 fm1a_x'],
    ['FlyV1 fm2_x', 'FlyV1 fm2_x'],
    ['flyv1 fm2_x', 'FlyV1 fm2_x'],
    ['Bearer FlyV1 fm2_x', 'FlyV1 fm2_x'],
    ['FlyV1 FlyV1 fm2_x', 'FlyV1 fm2_x'],
    ['fm2_a,fm2_b', 'FlyV1 fm2_a,fm2_b'],
    ['FlyV1 fm2_a, FlyV1 fm2_b ,', 'FlyV1 fm2_a,fm2_b'],
    ['oauth,fm2_a,fm1r_b', 'FlyV1 fm2_a,fm1r_b'],
    ['fm2x', 'Bearer fm2x'],
    ['bearerish', 'Bearer bearerish'],
  ])('the Authorization header for the token %j is %j', (pasted, header) => {
    expect(authorizationHeader(pasted)).toBe(header)
  })

  it.each(['', '  ', 'Bearer', 'Bearer ', 'FlyV1 Bearer ', ',', ' , FlyV1 ,'])(
    'the token %j is refused',
    (pasted) => {
      expect(() => authorizationHeader(pasted)).toThrow('empty')
    },
  )

  it.each(['abc def', 'abc\ndef', 'abcé', 'ab\u0000c'])(
    'the token %j is refused without being quoted',
    (pasted) => {
      expect(() => authorizationHeader(pasted)).toThrow(/^(?!.*abc).*a header cannot contain/)
    },
  )

  it('the Authorization header carries each macaroon once and in order', () => {
    const macaroon = fc
      .tuple(fc.constantFrom('fm1r_', 'fm1a_', 'fm2_'), fc.stringMatching(/^[A-Za-z0-9+/=_-]{0,20}$/))
      .map((parts) => parts.join(''))
    const dressing = fc
      .array(fc.constantFrom('Bearer ', 'FlyV1 ', 'bearer\t', 'FLYV1  ', ' '), { maxLength: 4 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.array(fc.tuple(dressing, macaroon), { minLength: 1, maxLength: 5 }), (dressed) => {
        const pasted = dressed.map(([around, token]) => `${around}${token} `).join(',')
        expect(authorizationHeader(pasted)).toBe(`FlyV1 ${dressed.map(([, token]) => token).join(',')}`)
      }),
    )
  })

  it('any text becomes a header value that fetch accepts, or an error, and parsing is idempotent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (pasted) => {
        let header: string
        try {
          header = authorizationHeader(pasted)
        } catch (error) {
          expect((error as Error).message).toMatch(/^the Fly token /)
          return
        }
        expect(new Headers({ authorization: header }).get('authorization')).toBe(header)
        expect(authorizationHeader(header)).toBe(header)
      }),
    )
  })
})
