// Identifies the caller of a request and checks the access policy, before the handler runs
// (functions/access-policy.ts). A route without a policy is refused.
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'
import { isCardPublic } from '../../lib/a2a/public-card.ts'
import { mayCommunicate } from '../../lib/a2a/peer-access.ts'
import { wrongToken } from '../../lib/auth/authenticate-agent.ts'
import { authorize, type RouteAccess } from '../../lib/auth/authorize.ts'
import { type Caller, callerKey } from '../../lib/auth/caller.ts'
import { hashToken } from '../../lib/auth/token.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { DomainError, type ErrorCode, workspaceNotFound } from '../../lib/platform/errors.ts'
import { findIdOfSlug, isSlug } from '../../lib/lifecycle/slugs.ts'
import { isUuid } from '../../lib/platform/uuid.ts'
import { ROUTE_POLICIES } from '../access-policy.ts'
import type { AppEnv, RequestedRoute } from '../http/app-env.ts'
import { type Authenticate, tokenOf } from '../http/authenticate.ts'
import { replacePathId } from '../http/replace-ids.ts'
import { recordInvalidToken, rejectUnknownToken } from '../http/invalid-tokens.ts'
import { type RequestInfo, requestInfo } from '../http/request-info.ts'
import { elevated, type NeedsNoToken } from '../routes/molecule-compat/elevate.ts'
import { MOLECULE_POLICIES } from '../routes/molecule-compat/policies.ts'

/** The policy of a route; Molecule's routes exist with MOLECULE_COMPAT only. */
export const policyOf = (name: string) => ROUTE_POLICIES[name] ?? MOLECULE_POLICIES[name]

/** @param needsNoToken whether the token of any workspace suffices (MOLECULE_COMPAT) */
export const authorizeRequests = (
  services: Services,
  authenticate: Authenticate,
  needsNoToken: NeedsNoToken,
) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const route = routeOf(c)
    c.set('route', route)
    if (route === undefined) return next()
    const policy = policyOf(route.name)
    if (policy === undefined) throw new DomainError('forbidden', `${route.name} has no access policy`)
    if (policy === 'public' || policy === 'signed') {
      await resolveSlug(services, c, route)
      return next()
    }
    const request = requestInfo(services.config, c)
    if (policy === 'agent') return checkAgentToken(services, c, request, next)
    let id = route.workspaceId?.toLowerCase()
    try {
      const caller = await authenticate(request)
      c.set('caller', caller)
      limitRate(services, c, callerKey(caller))
      id = await resolveSlug(services, c, route, isForRecord(policy, caller) ? caller : undefined)
      try {
        await checkAccess(services, policy, caller, id)
      } catch (error) {
        const admin = isRefusal(error) ? elevated(needsNoToken, caller, request) : undefined
        if (admin === undefined) throw error
        c.set('caller', admin)
        id = await resolveSlug(services, c, route)
        await checkAccess(services, policy, admin, id)
      }
      if (id !== undefined && isSlug(id)) throw workspaceNotFound()
    } catch (error) {
      if (!isRefusal(error)) throw error
      if (policy.isOpenForPublicCards === true) id = await resolveSlug(services, c, route)
      if (!(await isOpen(services, policy, id))) throw error
      limitRate(services, c, `address ${request.address()}`)
    }
    return next()
  })

type WorkspaceCaller = Extract<Caller, { kind: 'workspace' }>

const isForRecord = ({ agent }: RouteAccess, caller: Caller): caller is WorkspaceCaller =>
  agent === 'record' && caller.kind === 'workspace'

/**
 * Puts the id of the workspace into the path in place of its slug.
 * @param agent an agent that no check keeps from other workspaces before a record is read: for it they have no slugs
 * @returns the id of the workspace in the path, in lower case; a text that is neither an id nor a known slug as it is
 */
async function resolveSlug(
  { db }: Services,
  c: Context<AppEnv>,
  route: RequestedRoute,
  agent?: WorkspaceCaller,
): Promise<string | undefined> {
  const named = route.workspaceId?.toLowerCase()
  const id = named === undefined ? undefined : await findIdOfSlug(db, named)
  if (id === undefined || (agent !== undefined && agent.workspaceId !== id)) return named
  replacePathId(c, id)
  c.set('route', { ...route, workspaceId: id })
  return id
}

const REFUSALS: readonly ErrorCode[] = ['unauthenticated', 'forbidden', 'not_found']

const isRefusal = (error: unknown) => error instanceof DomainError && REFUSALS.includes(error.code)

const isOpen = async (services: Services, policy: RouteAccess, id: string | undefined) =>
  policy.isOpenForPublicCards === true && isUuid(id) && (await isCardPublic(services, id))

/** @throws DomainError `rate_limited` */
function limitRate(services: Services, c: Context<AppEnv>, key: string): void {
  const { headers, retryAfterSeconds } = services.countRequest(key)
  for (const [name, value] of Object.entries(headers)) c.header(name, value)
  if (retryAfterSeconds === undefined) return
  const message = `more than ${services.config.apiRatePerMinute} requests a minute: slow down`
  throw new DomainError('rate_limited', message, { retryAfterSeconds })
}

/**
 * @param id of the workspace in the path, in lower case
 * @throws DomainError `forbidden`, `not_found`
 */
async function checkAccess(
  services: Services,
  policy: RouteAccess,
  caller: Caller,
  id: string | undefined,
): Promise<void> {
  switch (authorize(policy, caller, id)) {
    case 'allowed':
      return
    case 'peer':
      if (
        caller.kind === 'workspace' &&
        isUuid(id) &&
        (await mayCommunicate(services, caller.workspaceId, id))
      )
        return
      throw new DomainError('not_found', 'workspace not found', { details: { hint: PEER_HINT } })
    case 'hidden':
      throw workspaceNotFound()
    case 'forbidden':
      throw new DomainError('forbidden', refusalOf(caller, policy))
  }
}

const PEER_HINT = 'A workspace can find itself, its siblings, its ancestors and its descendants.'

function refusalOf(caller: Caller, { about, scope }: RouteAccess): string {
  if (caller.kind === 'workspace') return 'a workspace token cannot do this'
  if (scope === 'none') return 'only the workspace itself may do this, with its own token'
  if (caller.kind === 'token' && caller.workspaces !== null && about === 'all') {
    return 'this route is about all workspaces, and the token is limited to some'
  }
  return `this needs a token with the scope ${scope}`
}

/**
 * Refuses a token that does not exist. The function that the handler calls checks that an existing one belongs to the
 * workspace that the body names.
 */
async function checkAgentToken(
  services: Services,
  c: Context<AppEnv>,
  { address, header }: RequestInfo,
  next: () => Promise<void>,
): Promise<void> {
  const token = tokenOf(header('authorization'))
  if (token === undefined) return next()
  const hash = await hashToken(token)
  await rejectUnknownToken(services, hash, address(), wrongToken)
  limitRate(services, c, `agent token ${hash}`)
  await next()
  if (c.res.status !== 401) return
  const { failedAttempts, tokenLookup } = services
  failedAttempts.forget(hash)
  if (!tokenLookup.isBatched && !(await tokenLookup.exists(hash, address())))
    recordInvalidToken(services, hash, address())
}

/** The route that matches the request, by its method and its pattern; undefined when none does. */
function routeOf(c: Context): RequestedRoute | undefined {
  const method = c.req.method === 'HEAD' ? 'GET' : c.req.method
  const route = matchedRoutes(c).findLast((one) => one.method === method)
  if (route === undefined) return undefined
  const name = `${method} ${route.path}`
  const policy = policyOf(name)
  // In routes about all workspaces, `:id` is the id of a token or a rollout.
  const isOther = typeof policy === 'object' && policy.about === 'all'
  const at = isOther ? -1 : route.path.split('/').indexOf(':id')
  return { name, workspaceId: at === -1 ? undefined : c.req.path.split('/')[at] }
}
