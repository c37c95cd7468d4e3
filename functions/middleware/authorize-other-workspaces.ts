// Checks the workspaces that a request names in its body or its query like the one in its path, where a token is
// limited to some workspaces. The access policy names the members (functions/access-policy.ts, `others`). The audit
// records the ids.
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { limitedTo, type OtherWorkspaces } from '../../lib/auth/authorize.ts'
import { DomainError, workspaceNotFound } from '../../lib/platform/errors.ts'
import { normalizeUuid } from '../../lib/platform/uuid.ts'
import { ROUTE_POLICIES } from '../access-policy.ts'
import type { AppEnv } from '../http/app-env.ts'

/** Runs after the authorization and the body limit. @throws DomainError `not_found`, `forbidden` */
export const authorizeOtherWorkspaces = createMiddleware<AppEnv>(async (c, next) => {
  const policy = ROUTE_POLICIES[c.get('route')?.name ?? '']
  if (typeof policy !== 'object' || policy.others === undefined) return next()
  const named = await namedWorkspaces(c, policy.others)
  c.set('otherWorkspaces', named)
  const allowed = limitedTo(c.get('caller'))
  if (allowed !== undefined && named.some((id) => !allowed.includes(id))) throw workspaceNotFound()
  if (allowed !== undefined && (await makesRoot(c, policy.others)))
    throw new DomainError('forbidden', NO_ROOT)
  return next()
})

const NO_ROOT =
  'a token for some workspaces cannot make a workspace a root: its agent could then talk to every other root'

/** A workspace without a parent is a sibling of all others without one (lib/registry/can-communicate.ts). */
const makesRoot = async (c: Context<AppEnv>, { body }: OtherWorkspaces): Promise<boolean> =>
  body?.includes('parent_id') === true && (await bodyOf(c))['parent_id'] === null

/** Texts that are not UUIDs are left to the handler, which refuses them. */
async function namedWorkspaces(c: Context<AppEnv>, { body, query }: OtherWorkspaces): Promise<string[]> {
  const inQuery = (query ?? []).flatMap((name) => c.req.queries(name) ?? [])
  const members = body === undefined ? {} : await bodyOf(c)
  const inBody = (body ?? []).flatMap((name) => members[name])
  const ids = [...inQuery, ...inBody].map((value) =>
    typeof value === 'string' ? normalizeUuid(value) : undefined,
  )
  return [...new Set(ids.filter((id) => id !== undefined))]
}

/** The members of a JSON object; none for another body, which the handler refuses. */
async function bodyOf(c: Context<AppEnv>): Promise<Record<string, unknown>> {
  try {
    const body: unknown = await c.req.json()
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
