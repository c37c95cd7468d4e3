// Seals values with AES-256-GCM, bound to the place they are stored at: a ciphertext that is moved to another workspace or
// another name does not open. Keys are known by an id, so that old ones can be kept for reading while new ones seal.
import { concatBytes, decodeBase64, encodeBase64, encodeHex } from '../platform/encoding.ts'

/** Where a secret is stored; `workspaceId` is null for one that all workspaces get. */
export type SecretPlace = { workspaceId: string | null; key: string }

/** Where the secret of a hook is. No secret of an agent has such a name (lib/secrets/secret-input.ts). */
export const placeOfHook = ({ name, workspaceId }: { name: string; workspaceId: string }): SecretPlace => ({
  workspaceId,
  key: `hook:${name}`,
})

/** Where the signing secret of a webhook endpoint is. */
export const placeOfEndpoint = (endpointId: string): SecretPlace => ({
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

/** The value cannot be had: no key we have has this id, or the bytes are not what was sealed for this place. */
export class Unreadable extends Error {
  override name = 'Unreadable'
  readonly keyId: string

  constructor(keyId: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.keyId = keyId
  }
}

/** Eight hex digits of the key's SHA-256: enough to tell keys apart, nothing to guess 256 random bits from. */
export async function keyIdOf(key: Uint8Array): Promise<string> {
  return encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', key.slice()))).slice(0, 8)
}

export async function seal(key: Uint8Array, place: SecretPlace, value: string): Promise<Sealed> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
  const cipher = await crypto.subtle.encrypt(
    algorithm(nonce, place),
    await imported(key, 'encrypt'),
    encoder.encode(value),
  )
  const bytes = concatBytes([nonce, new Uint8Array(cipher)], NONCE_BYTES + cipher.byteLength)
  return { keyId: await keyIdOf(key), sealed: encodeBase64(bytes) }
}

/**
 * @param keys any of which may have sealed it
 * @throws Unreadable
 */
export async function unseal(
  keys: readonly Uint8Array[],
  place: SecretPlace,
  { keyId, sealed }: Sealed,
): Promise<string> {
  for (const key of keys) {
    if ((await keyIdOf(key)) !== keyId) continue
    try {
      const bytes = decodeBase64(sealed)
      const plain = await crypto.subtle.decrypt(
        algorithm(bytes.slice(0, NONCE_BYTES), place),
        await imported(key, 'decrypt'),
        bytes.slice(NONCE_BYTES),
      )
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain)
    } catch (cause) {
      throw new Unreadable(keyId, 'it was changed, or sealed for another place', { cause })
    }
  }
  throw new Unreadable(keyId, `it was sealed with key ${keyId}, which is not configured`)
}

const algorithm = (iv: Uint8Array<ArrayBuffer>, { key, workspaceId }: SecretPlace) => ({
  name: ALGORITHM,
  iv,
  additionalData: encoder.encode(JSON.stringify(['secret', workspaceId, key])),
})

const imported = (key: Uint8Array, use: 'encrypt' | 'decrypt') =>
  crypto.subtle.importKey('raw', key.slice(), ALGORITHM, false, [use])
