// The secret by which the proxy authenticates itself to an agent (docs/facts/molecule.md §1.6). It is derived from
// one key in the database, the workspace and its generation: a restart renews it, and nothing is stored per
// workspace.
import { hmacSha256 } from '../platform/digest.ts'

/** @returns HMAC-SHA256 of the workspace and the generation of its machine: 43 characters, base64url */
export const inboundSecret = (agentKey: string, workspaceId: string, generation: number): Promise<string> =>
  hmacSha256(agentKey, `${workspaceId} ${generation}`)
