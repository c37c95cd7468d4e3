// Signatures of webhooks as forges make them: HMAC-SHA-256 over the body's bytes as they came, in hex.
import { decodeHex } from '../encoding.ts'

const HEX = /^[0-9a-f]{64}$/i

/**
 * Whether a body was signed with a secret. WebCrypto compares, and in constant time.
 * @param signature 64 hexadecimal digits, as in Gitea's `X-Gitea-Signature`; or `sha256=` before them, as in GitHub's
 *   `X-Hub-Signature-256`. Anything else is none
 */
export async function isSigned(
  body: Uint8Array,
  secret: string,
  signature: string | undefined,
): Promise<boolean> {
  const hex = signature?.replace(/^sha256=/, '') ?? ''
  if (!HEX.test(hex)) return false
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', new TextEncoder().encode(secret), algorithm, false, [
    'verify',
  ])
  return crypto.subtle.verify('HMAC', key, decodeHex(hex) as BufferSource, body as BufferSource)
}
