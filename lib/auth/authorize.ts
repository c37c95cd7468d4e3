// Decides whether a caller may use a route. functions/access-policy.ts has the requirements of all routes in one
// table.
import { includesScope, type Scope } from './scopes.ts'
import type { Caller } from './caller.ts'

export type RouteAccess = {
  /** The least scope of an admin's or API token; `none`: neither may use the route. */
  scope: Scope | 'none'
  /**
   * What the route concerns: the workspace in its path; all workspaces, so that a token limited to some may not use
   * it; or a list, which contains only what the caller may see.
   */
  about: 'workspace' | 'all' | 'list'
  /**
   * Whether a workspace token may use the route: never; for its own workspace; also for workspaces it may communicate
   * with; or as decided for each record, by the function that reads it.
   */
  agent: 'none' | 'self' | 'peer' | 'record'
  /** Where the request and the response contain other workspaces than the one in the path. */
  others?: OtherWorkspaces
  /** The route is open to everyone where the card of the workspace is public (lib/a2a/public-card.ts). */
  isOpenForPublicCards?: true
}

/** A token that is limited to some workspaces must include each workspace that a request names. */
export type OtherWorkspaces = {
  /** Members of the JSON body with an id, or with a list of ids; with a dot: of an object in it. */
  body?: readonly string[]
  /** Parameters of the query with an id. */
  query?: readonly string[]
  /** The response lists workspaces. It contains only those that the token includes. */
  response?: true
}

/** `hidden`: answered like a missing workspace. `peer`: the tree of workspaces decides. */
export type AccessDecision = 'allowed' | 'forbidden' | 'hidden' | 'peer'

/**
 * The workspaces to which the caller's token is limited; undefined for a caller without such a limit. An agent is
 * limited by the tree of workspaces instead.
 */
export const limitedTo = (caller: Caller): readonly string[] | undefined =>
  caller.kind === 'token' ? (caller.workspaces ?? undefined) : undefined

/** @param workspaceId in lower case; undefined for a route without one */
export function authorize(
  route: RouteAccess,
  caller: Caller,
  workspaceId: string | undefined,
): AccessDecision {
  switch (caller.kind) {
    case 'hook':
    case 'schedule':
      return 'forbidden'
    case 'admin':
      return route.scope === 'none' ? 'forbidden' : 'allowed'
    case 'token':
      if (caller.workspaces !== null) {
        if (route.about === 'all') return 'forbidden'
        if (route.about === 'workspace' && !caller.workspaces.includes(workspaceId ?? '')) return 'hidden'
      }
      return route.scope !== 'none' && includesScope(caller.scope, route.scope) ? 'allowed' : 'forbidden'
    case 'workspace': {
      if (route.about !== 'workspace') return route.agent === 'record' ? 'allowed' : 'forbidden'
      const isSelf = caller.workspaceId === workspaceId
      if (route.agent === 'none') return isSelf ? 'forbidden' : 'hidden'
      if (isSelf || route.agent === 'record') return 'allowed'
      return route.agent === 'peer' ? 'peer' : 'hidden'
    }
  }
}
