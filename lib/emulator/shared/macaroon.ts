// Tokens in the format of Fly's: `fm2_` and a base64 macaroon. flyctl and fly-go decode such a token and drop one that
// they cannot decode, so a random text does not do. It is not signed: the emulator knows its tokens by their text.

const LOCATION = 'https://api.fly.io/v1'

const bytes = (value: Uint8Array): number[] => [0xc4, value.length, ...value]
const text = (value: string): number[] => [0xa0 | value.length, ...new TextEncoder().encode(value)]
const random = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count))

/** A new macaroon without caveats: MessagePack of `[[key id, random, is proof], location, caveats, signature]`. */
export function createToken(): string {
  const nonce = [0x93, ...bytes(random(16)), ...bytes(random(16)), 0xc2]
  const macaroon = [0x94, ...nonce, ...text(LOCATION), 0x90, ...bytes(random(32))]
  return `fm2_${btoa(String.fromCharCode(...macaroon))}`
}
