// MOLECULE_COMPAT: the registry without a token, on a server that is open to programs on this computer. Molecule's scripts
// register an agent first and get its token in the response; the canvas changes a card without one.
import type { Context } from 'hono'
import { createWorkspaceToken, listWorkspaceTokens } from '../../../lib/tokens/workspace-tokens.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { storeCard } from '../../../lib/reconcile/store-card.ts'
import { UpdateCardInput } from '../../../lib/registry/register.ts'
import { getLivingWorkspace } from '../../../lib/lifecycle/queries.ts'
import { isObject } from '../../../lib/platform/json-object.ts'
import { normalizeUuid } from '../../../lib/platform/uuid.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { bearerOf } from '../../http/authenticate.ts'
import { requestInfo } from '../../http/request-info.ts'
import type { NeedsNoToken } from './elevate.ts'
import { jsonOf, parse, rewriteAnswer, type Translation } from './request.ts'

/** A token of the workspace, if none that was handed out has been used; undefined leaves the refusal to the route. */
async function firstToken(services: Services, id: string | undefined): Promise<string | undefined> {
  if (id === undefined) return undefined
  const tokens = await listWorkspaceTokens(services, id, { limit: 100, offset: 0 })
  if (tokens.some(({ generation, lastUsedAt }) => generation === null && lastUsedAt !== null))
    return undefined
  return createWorkspaceToken(services, id, { kind: 'admin' })
}

/** The translations of the two routes, for callers who need no token and send none. */
export function registryWithoutToken(
  services: Services,
  needsNoToken: NeedsNoToken,
): Record<string, Translation> {
  const isTokenless = (c: Context<AppEnv>) =>
    bearerOf(c) === undefined && needsNoToken(requestInfo(services.config, c))

  return {
    // The response has `auth_token` then (docs/facts/molecule.md §1.4).
    'POST /registry/register': async (c, next) => {
      if (!isTokenless(c)) return next()
      const text = await c.req.text()
      const body = await jsonOf(c)
      const id = isObject(body) ? normalizeUuid(String(body['id'])) : undefined
      const token = await firstToken(services, id)
      if (token === undefined) return next()
      const headers = new Headers(c.req.raw.headers)
      headers.set('authorization', `Bearer ${token}`)
      c.req.raw = new Request(c.req.url, { method: 'POST', headers, body: text })
      await next()
      if (c.res.status !== 200) return
      await rewriteAnswer(c, (rows) => rows.map((row) => ({ ...row, auth_token: token })))
    },

    'POST /registry/update-card': async (c, next) => {
      if (!isTokenless(c)) return next()
      const { agent_card: card, workspace_id: id } = parse(UpdateCardInput, await jsonOf(c))
      await getLivingWorkspace(services.db, id)
      await storeCard(services, { id, card })
      return c.json({ status: 'updated' })
    },
  }
}
