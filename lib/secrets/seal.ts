// Encrypts values with AES-256-GCM, bound to where they are stored: a ciphertext that is moved to another workspace
// or name cannot be decrypted. Keys have ids, so that old ones can decrypt while a new one encrypts.
import { concatBytes, decodeBase64, encodeBase64, encodeHex } from '../platform/encoding.ts'

/** Where a secret is stored; `workspaceId` is null for a global one. */
export type SecretLocation = { workspaceId: string | null; key: string }

/** Where a hook's secret is stored. No secret of an agent has such a name (secret-input.ts). */
export const locationOfHook = ({
  name,
  workspaceId,
}: {
  name: string
  workspaceId: string
}): SecretLocation => ({
  workspaceId,
  key: `hook:${name}`,
})

/** Where a webhook endpoint's signing secret is stored. */
export const locationOfEndpoint = (endpointId: string): SecretLocation => ({
  workspaceId: null,
  key: `webhook-endpoint:${endpointId}`,
})

export type Sealed = {
  /** See {@link keyIdOf}. */
  keyId: string
  /** Base64 of nonce, ciphertext and tag. */
  sealed: string
}

/** Bytes of a key. */
export const KEY_BYTES = 32

const NONCE_BYTES = 12
const ALGORITHM = 'AES-GCM'

const encoder = new TextEncoder()

/**
 * The value cannot be decrypted: no configured key has this id, or the bytes were not encrypted for this location.
 */
export class Unreadable extends Error {
  override name = 'Unreadable'
  readonly keyId: string

  constructor(keyId: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.keyId = keyId
  }
}

/** Eight hex digits of the key's SHA-256: enough to distinguish keys, and no help for guessing 256 random bits. */
export async function keyIdOf(key: Uint8Array): Promise<string> {
  return encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', key.slice()))).slice(0, 8)
}

/** @param key 32 bytes. @returns the ciphertext with its nonce, in base64, and the id of the key */
export async function seal(key: Uint8Array, location: SecretLocation, value: string): Promise<Sealed> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
  const cipher = await crypto.subtle.encrypt(
    algorithm(nonce, location),
    await imported(key, 'encrypt'),
    encoder.encode(value),
  )
  const bytes = concatBytes([nonce, new Uint8Array(cipher)], NONCE_BYTES + cipher.byteLength)
  return { keyId: await keyIdOf(key), sealed: encodeBase64(bytes) }
}

/**
 * @param keys any of which may have encrypted it
 * @throws Unreadable
 */
export async function unseal(
  keys: readonly Uint8Array[],
  location: SecretLocation,
  { keyId, sealed }: Sealed,
): Promise<string> {
  for (const key of keys) {
    if ((await keyIdOf(key)) !== keyId) continue
    try {
      const bytes = decodeBase64(sealed)
      const plain = await crypto.subtle.decrypt(
        algorithm(bytes.slice(0, NONCE_BYTES), location),
        await imported(key, 'decrypt'),
        bytes.slice(NONCE_BYTES),
      )
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain)
    } catch (cause) {
      throw new Unreadable(keyId, 'it was changed, or encrypted for another location', { cause })
    }
  }
  throw new Unreadable(keyId, `it was encrypted with key ${keyId}, which is not configured`)
}

const algorithm = (iv: Uint8Array<ArrayBuffer>, { key, workspaceId }: SecretLocation) => ({
  name: ALGORITHM,
  iv,
  additionalData: encoder.encode(JSON.stringify(['secret', workspaceId, key])),
})

const imported = (key: Uint8Array, use: 'encrypt' | 'decrypt') =>
  crypto.subtle.importKey('raw', key.slice(), ALGORITHM, false, [use])
