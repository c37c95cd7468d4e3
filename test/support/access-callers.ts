// The table of routes in SECURITY.md, and every kind of caller that it distinguishes.
import { readFileSync } from 'node:fs'
import { eq } from 'drizzle-orm'
import * as schema from '../../drizzle/schema/index.ts'
import { createHarness, type Harness, type Json } from './harness.ts'

/** A row of the table of routes in SECURITY.md. */
export type Row = { route: string; scope: string; some: string; agent: string }

export const ROWS: Row[] = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, route, scope, some, agent] = /^\| `([A-Z]+ [^`]+)` \| (.+) \| (.+) \| (.+) \|$/.exec(line) ?? []
    return route === undefined ? [] : [{ route, scope: scope ?? '', some: some ?? '', agent: agent ?? '' }]
  })
const isGuarded = ({ agent, scope }: Row) => scope !== 'public' && !agent.includes('checked')
/** The rows of the routes that require a credential. */
export const GUARDED = ROWS.filter(isGuarded)

export const SCOPES = ['read', 'operate', 'exec', 'admin']
export const ADMIN = { authorization: 'Bearer first-admin-token' }

export const openAccessHarness = () =>
  createHarness({
    env: {
      ADMIN_TOKEN: 'first-admin-token,second-admin-token',
      API_RATE_PER_MINUTE: '0',
      SECRETS_ENCRYPTION_KEY: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
    },
  })

/** The slug of the workspace whose routes are requested. */
export const TARGET_SLUG = 'the-target'

export type Callers = Awaited<ReturnType<typeof createCallers>>

/** @returns the headers of every kind of caller, from the point of view of the workspace `target` */
export async function createCallers(h: Harness) {
  const credentials: Record<string, Record<string, string>> = {}
  const bearer = (token: unknown) => ({ authorization: `Bearer ${String(token)}` })
  const make = async (input = {}) => {
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'a', ...input },
      headers: { ...ADMIN, prefer: 'wait=20' },
    })
    return body.id
  }
  const tokenFor = async (input: Json) => {
    const json = { name: 'of this test', ...input }
    const { body } = await h.request('/tokens', { method: 'POST', headers: ADMIN, json })
    return body
  }
  const workspaceToken = async (id: string) =>
    (await h.request(`/workspaces/${id}/tokens`, { method: 'POST', headers: ADMIN })).body['auth_token']
  const target = await make({ slug: TARGET_SLUG })
  const other = await make()
  const below = await make({ parent_id: other })

  credentials['nothing'] = {}
  credentials['a wrong token'] = bearer('wrong')
  credentials['a wrong API token'] = bearer('mol_wrong')
  credentials['another scheme'] = { authorization: 'Basic first-admin-token' }
  credentials['two tokens as one'] = bearer('first-admin-token,second-admin-token')
  credentials['an empty token'] = { authorization: 'Bearer ' }
  const expired = await tokenFor({ scopes: ['admin'], expires_in_days: 1 })
  await h.db
    .update(schema.apiTokens)
    .set({ expiresAt: new Date(0) })
    .where(eq(schema.apiTokens.id, String(expired['id'])))
  credentials['an expired token'] = bearer(expired['token'])
  const revoked = await tokenFor({ scopes: ['admin'] })
  await h.request(`/tokens/${String(revoked['id'])}`, { method: 'DELETE', headers: ADMIN })
  credentials['a revoked token'] = bearer(revoked['token'])
  credentials['the first admin'] = ADMIN
  credentials['the second admin'] = { authorization: 'bearer second-admin-token' }
  for (const scope of SCOPES) {
    credentials[scope] = bearer((await tokenFor({ scopes: [scope] }))['token'])
    credentials[`${scope} here`] = bearer(
      (await tokenFor({ scopes: [scope], workspaces: [target] }))['token'],
    )
    credentials[`${scope} elsewhere`] = bearer(
      (await tokenFor({ scopes: [scope], workspaces: [other, below] }))['token'],
    )
  }
  credentials['its agent'] = bearer(await workspaceToken(target))
  credentials['a peer'] = bearer(await workspaceToken(other))
  credentials['a non-peer'] = bearer(await workspaceToken(below))
  return {
    /** The workspace whose routes are requested. */
    target,
    /** A workspace that tokens for some workspaces do not include. */
    other,
    credentials,
  }
}
