// Digests of short texts: of a token, of what an agent's secret is derived from, of an event that is delivered. WebCrypto hands
// each text to another thread, which takes far longer than the digest, so a runtime may provide synchronous ones
// (functions/node/digests.ts).
import { encodeBase64Url, encodeHex } from './encoding.ts'

export type Digests = {
  /** SHA-256, hex. */
  sha256(text: string): string | Promise<string>
  /** HMAC-SHA-256, base64url without padding. */
  hmacSha256(key: string | Uint8Array, text: string): string | Promise<string>
}

const encoder = new TextEncoder()
const HMAC = { name: 'HMAC', hash: 'SHA-256' }

const webDigests: Digests = {
  async sha256(text) {
    return encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))))
  },
  async hmacSha256(key, text) {
    const bytes = typeof key === 'string' ? encoder.encode(key) : (key as Uint8Array<ArrayBuffer>)
    const imported = await crypto.subtle.importKey('raw', bytes, HMAC, false, ['sign'])
    return encodeBase64Url(new Uint8Array(await crypto.subtle.sign('HMAC', imported, encoder.encode(text))))
  },
}

let digests = webDigests

/** Replaces the digests of this process. */
export const provideDigests = (own: Digests): void => void (digests = own)

/** SHA-256, hex. */
export const sha256 = async (text: string): Promise<string> => digests.sha256(text)

/** HMAC-SHA-256, base64url without padding. */
export const hmacSha256 = async (key: string | Uint8Array, text: string): Promise<string> =>
  digests.hmacSha256(key, text)
