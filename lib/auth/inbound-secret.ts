// What we prove ourselves with when we speak to an agent (docs/facts/molecule.md §1.6). Derived, not stored: one key in the database
// makes the secret of every workspace and generation, so a restart renews it and there is nothing to keep in step.
import { encodeBase64Url } from '../platform/encoding.ts'

const encoder = new TextEncoder()

/** @returns 43 characters, base64url: HMAC-SHA256 of the workspace and the generation its machine runs */
export async function inboundSecret(
  agentKey: string,
  workspaceId: string,
  generation: number,
): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', encoder.encode(agentKey), algorithm, false, ['sign'])
  const signature = await crypto.subtle.sign('HMAC', key, encoder.encode(`${workspaceId} ${generation}`))
  return encodeBase64Url(new Uint8Array(signature))
}
