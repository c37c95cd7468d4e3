// MOLECULE_COMPAT: how the agent of a new external workspace connects (docs/facts/molecule.md §2.3): Molecule's canvas shows it
// once, with a token. Only callers who may make tokens get one.
import type { Context } from 'hono'
import type { Caller } from '../../../lib/auth/caller.ts'
import { includesScope } from '../../../lib/auth/scopes.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { isExternal } from '../../../lib/machines/runtimes.ts'
import { createWorkspaceToken } from '../../../lib/tokens/workspace-tokens.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { publicUrlOf } from '../../http/public-url.ts'
import { withCaller } from '../../http/with-caller.ts'
import type { Json } from './request.ts'

const mayMakeTokens = (caller: Caller): boolean =>
  caller.kind === 'admin' || (caller.kind === 'token' && includesScope(caller.scope, 'admin'))

/** @returns the members that the response of a create gets; none for a workspace with a machine, or a repeated create */
export async function connectionOf(services: Services, c: Context<AppEnv>, created: Json): Promise<Json> {
  if (!isExternal({ runtime: String(created['runtime']) })) return {}
  const isRepeat = c.res.headers.has('idempotency-replayed')
  if (isRepeat || !mayMakeTokens(c.get('caller'))) return { external: true }
  const id = String(created['id'])
  const token = await createWorkspaceToken(withCaller(services, c), id, c.get('caller'))
  const url = publicUrlOf(services.config, c)
  const register = `${url}/registry/register`
  const body = JSON.stringify({ id, agent_card: { name: created['name'] }, delivery_mode: 'poll' })
  return {
    external: true,
    connection: {
      workspace_id: id,
      platform_url: url,
      auth_token: token,
      registry_endpoint: register,
      heartbeat_endpoint: `${url}/registry/heartbeat`,
      curl_register_template: `curl -X POST ${register} -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`,
      python_snippet: `SERVER_URL=${url} WORKSPACE_ID=${id} WORKSPACE_TOKEN=${token} python3 examples/external-agent/agent.py`,
    },
  }
}
