// The keys that encrypt stored secrets.
import { z } from 'zod'
import { decodeBase64, decodeHex } from '../platform/encoding.ts'
import { list, setting, type Values } from './setting.ts'

/** 32 random bytes, as `openssl rand` prints them in base64 or hex. */
const encryptionKey = z.string().transform((value, context): Uint8Array => {
  const text = value.trim()
  if (/^[0-9a-f]{64}$/i.test(text)) return decodeHex(text)
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) {
    return decodeBase64(text.replaceAll('-', '+').replaceAll('_', '/').replace(/=$/, ''))
  }
  context.addIssue({
    code: 'custom',
    message: 'must be 32 random bytes in base64 or hex: openssl rand -base64 32',
  })
  return z.NEVER
})

export const ENCRYPTION = {
  current: setting('SECRETS_ENCRYPTION_KEY', encryptionKey.optional()),
  previous: setting('SECRETS_PREVIOUS_KEYS', list.pipe(z.array(encryptionKey)).default([])),
}

/** The first key encrypts, all decrypt. Empty: no secret can be stored. */
export const toSecretKeys = ({ current, previous }: Values<typeof ENCRYPTION>): Uint8Array[] =>
  current === undefined ? previous : [current, ...previous]
