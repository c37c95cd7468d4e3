// Checks the workspaces that a request names in its body or its query like the one in its path, where a token is
// limited to some workspaces. Slugs are replaced by ids first. The access policy names the members
// (functions/access-policy.ts, `others`). The audit records the ids.
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { limitedTo, type OtherWorkspaces } from '../../lib/auth/authorize.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { findIdsOfSlugs, isSlug } from '../../lib/lifecycle/slugs.ts'
import { DomainError, invalidField, workspaceNotFound } from '../../lib/platform/errors.ts'
import { normalizeUuid } from '../../lib/platform/uuid.ts'
import { ROUTE_POLICIES } from '../access-policy.ts'
import type { AppEnv } from '../http/app-env.ts'
import { replaceIds } from '../http/replace-ids.ts'
import { requireShallow } from '../http/require-shallow.ts'

/**
 * Runs after the authorization and the body limit.
 * @throws DomainError `not_found`, `forbidden`; `invalid_input` for a slug that no workspace has
 */
export const authorizeOtherWorkspaces = (services: Services) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const policy = ROUTE_POLICIES[c.get('route')?.name ?? '']
    const others = typeof policy === 'object' ? policy.others : undefined
    if (others?.body === undefined && others?.query === undefined) return next()
    const caller = c.get('caller')
    const allowed = limitedTo(caller)
    const body = others.body === undefined ? {} : await bodyOf(c)
    // Agents name each other by id. They must not learn which slugs exist.
    if (caller.kind !== 'workspace') await replaceSlugs(services, c, others, body, allowed !== undefined)
    const named = namedIn(c, others, body).flatMap(({ values }) =>
      values.map(normalizeUuid).filter((id) => id !== undefined),
    )
    c.set('otherWorkspaces', [...new Set(named)])
    if (allowed !== undefined && named.some((id) => !allowed.includes(id))) throw workspaceNotFound()
    if (allowed !== undefined && makesRoot(others, body)) throw new DomainError('forbidden', NO_ROOT)
    return next()
  })

const NO_ROOT =
  'a token for some workspaces cannot make a workspace a root: its agent could then talk to every other root'

/** A workspace without a parent is a sibling of all others without one (lib/registry/can-communicate.ts). */
const makesRoot = (others: OtherWorkspaces, body: Body): boolean =>
  others.body?.includes('parent_id') === true && body['parent_id'] === null

type Body = Record<string, unknown>

/** Replaces them in the body as it was read, too. */
async function replaceSlugs(
  { db }: Services,
  c: Context<AppEnv>,
  others: OtherWorkspaces,
  body: Body,
  isLimited: boolean,
): Promise<void> {
  const named = namedIn(c, others, body).flatMap(({ name, values }) =>
    values.filter(isSlug).map((slug) => ({ name, slug })),
  )
  if (named.length === 0) return
  const ids = await findIdsOfSlugs(db, [...new Set(named.map(({ slug }) => slug))])
  const unknown = named.find(({ slug }) => !ids.has(slug))
  // The answer for a workspace that the token does not include.
  if (unknown !== undefined && isLimited) throw workspaceNotFound()
  if (unknown !== undefined) throw invalidField(unknown.name, `no workspace has the slug '${unknown.slug}'`)
  requireShallow(body)
  const idOf = (value: string) => ids.get(value)
  const replaced = (value: unknown) => (typeof value === 'string' ? (idOf(value) ?? value) : value)
  for (const name of others.body ?? []) {
    const { holder, key } = memberOf(body, name)
    const value = holder?.[key]
    if (holder !== undefined && value !== undefined)
      holder[key] = Array.isArray(value) ? value.map(replaced) : replaced(value)
  }
  replaceIds(c, { query: others.query ?? [], idOf, body: others.body === undefined ? undefined : body })
}

/** The texts in the members and parameters that name workspaces. Others are left to the handler, which refuses them. */
function namedIn(
  c: Context<AppEnv>,
  others: OtherWorkspaces,
  body: Body,
): { name: string; values: string[] }[] {
  const inBody = (others.body ?? []).map((name) => {
    const { holder, key } = memberOf(body, name)
    const values = [holder?.[key]].flat()
    return { name, values: values.filter((value) => typeof value === 'string') }
  })
  return [...(others.query ?? []).map((name) => ({ name, values: c.req.queries(name) ?? [] })), ...inBody]
}

/** A member of a body, or with a dot a member of an object in it. */
function memberOf(body: Body, name: string): { holder: Body | undefined; key: string } {
  const [first = '', second] = name.split('.')
  if (second === undefined) return { holder: body, key: first }
  const inner = body[first]
  const isObject = typeof inner === 'object' && inner !== null
  return { holder: isObject ? (inner as Body) : undefined, key: second }
}

/** The members of a JSON object; none for another body, which the handler refuses. */
async function bodyOf(c: Context<AppEnv>): Promise<Body> {
  try {
    const body: unknown = await c.req.json()
    return typeof body === 'object' && body !== null ? (body as Body) : {}
  } catch {
    return {}
  }
}
