// Signs an event as Standard Webhooks specifies (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md), with the
// digests of the runtime. The library of Standard Webhooks contains digests and base64 of its own, which a Worker would load.
import { hmacSha256 } from '../platform/digest.ts'
import { decodeBase64 } from '../platform/encoding.ts'

/** @param secret `whsec_` and the base64 of the key. @returns the value of the header `webhook-signature` */
export async function signEvent(secret: string, id: string, sentAt: Date, body: string): Promise<string> {
  const key = decodeBase64(secret.replace(/^whsec_/, ''))
  const digest = await hmacSha256(key, `${id}.${Math.floor(sentAt.getTime() / 1000)}.${body}`)
  // From base64url: 32 bytes need one character of padding.
  return `v1,${digest.replaceAll('-', '+').replaceAll('_', '/')}=`
}
