// The secret by which the proxy authenticates itself to an agent (docs/facts/molecule.md §1.6). It is derived from
// one key in the database, the workspace and its generation: a restart renews it, and nothing is stored per
// workspace.
import { encodeBase64Url } from '../platform/encoding.ts'

const encoder = new TextEncoder()

/** @returns HMAC-SHA256 of the workspace and the generation of its machine: 43 characters, base64url */
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
