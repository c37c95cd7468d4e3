// Node's synchronous digests (lib/platform/digest.ts).
import { createHmac, hash } from 'node:crypto'
import type { Digests } from '../../lib/platform/digest.ts'

export const nodeDigests: Digests = {
  sha256: (text) => hash('sha256', text, 'hex'),
  hmacSha256: (key, text) => createHmac('sha256', key).update(text).digest('base64url'),
}
