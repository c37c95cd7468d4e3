// Stands before every door behind it: finds out who is calling and whether the table lets them in (functions/access-policy.ts). A
// door without a row is closed.
import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'
import type { Context } from 'hono'
import { mayCommunicate } from '../../lib/a2a/peer-access.ts'
import { authorize, type RouteAccess } from '../../lib/auth/authorize.ts'
import { type Caller, callerKey } from '../../lib/auth/caller.ts'
import { DomainError, workspaceNotFound } from '../../lib/platform/errors.ts'
import { isUuid } from '../../lib/platform/uuid.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import type { AppEnv, RequestedRoute } from '../http/app-env.ts'
import type { Authenticate, RequestInfo } from '../http/authenticate.ts'
import { ROUTE_POLICIES } from '../access-policy.ts'
import { requestInfo } from '../http/request-info.ts'
import { recordInvalidToken, throttleInvalidTokens } from '../http/invalid-tokens.ts'

export function authorizeRequests(services: Services, identify: Authenticate) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const door = doorOf(c)
    c.set('door', door)
    // No door: the answer is 404, and it is nobody's secret that there is none.
    if (door === undefined) return next()
    const rule = ROUTE_POLICIES[door.name]
    if (rule === undefined) throw new DomainError('forbidden', `${door.name} is closed`)
    if (rule === 'anybody' || rule === 'signed') return next()
    const knock = requestInfo(services.config, c)
    if (rule === 'agent') return watchAgent(services, c, knock, next)
    const caller = await identify(knock)
    c.set('caller', caller)
    const { headers, retryAfterSeconds } = services.countRequest(callerKey(caller))
    for (const [name, value] of Object.entries(headers)) c.header(name, value)
    if (retryAfterSeconds !== undefined) {
      const message = `more than ${services.config.apiRatePerMinute} requests a minute: slow down`
      throw new DomainError('rate_limited', message, { retryAfterSeconds })
    }
    const id = door.workspaceId?.toLowerCase()
    switch (authorize(rule, caller, id)) {
      case 'allowed':
        return next()
      case 'peer':
        if (
          caller.kind === 'workspace' &&
          isUuid(id) &&
          (await mayCommunicate(services, caller.workspaceId, id))
        )
          return next()
        throw new DomainError('not_found', 'workspace not found', { details: { hint: WHO_IS_FOUND } })
      case 'hidden':
        throw workspaceNotFound()
      case 'forbidden':
        throw new DomainError('forbidden', refusal(caller, rule))
    }
  })
}

const WHO_IS_FOUND = 'A workspace finds itself, its siblings, and whoever is above or below it.'

function refusal(caller: Caller, { about, scope }: RouteAccess): string {
  if (caller.kind === 'workspace') return 'a workspace token cannot do this'
  if (scope === 'none') return 'only the workspace itself may do this, with its own token'
  if (caller.kind === 'token' && caller.workspaces !== null && about === 'all') {
    return 'this is about all workspaces, and the token is for some'
  }
  return `this needs a token with the scope ${scope}`
}

/** The verb checks an agent's token; here is seen that nobody tries tokens out on it. */
async function watchAgent(
  services: Services,
  c: Context<AppEnv>,
  { address, header }: RequestInfo,
  next: () => Promise<void>,
): Promise<void> {
  const credential = header('authorization')
  if (credential === undefined) return next()
  throttleInvalidTokens(services, credential, address())
  await next()
  if (c.res.ok) services.failedAttempts.recordValid(credential)
  // A good one that speaks for another workspace is refused too, and is no guess.
  else if (c.res.status === 401 && !services.failedAttempts.isKnownGood(credential)) {
    recordInvalidToken(services, credential, address())
  }
}

/** The door that the request is for, by its method and its pattern; undefined when there is none. */
function doorOf(c: Context): RequestedRoute | undefined {
  const method = c.req.method === 'HEAD' ? 'GET' : c.req.method
  const route = matchedRoutes(c).findLast((one) => one.method === method)
  if (route === undefined) return undefined
  const name = `${method} ${route.path}`
  const rule = ROUTE_POLICIES[name]
  // Of a token or a rollout, an id is not that of a workspace.
  const isOther = typeof rule === 'object' && rule.about === 'all'
  const at = isOther ? -1 : route.path.split('/').indexOf(':id')
  return { name, workspaceId: at === -1 ? undefined : c.req.path.split('/')[at] }
}
