// Who may use which door. Doors say what they ask for in one table (functions/access-policy.ts); this decides whether a caller has it.
import { includesScope, type Scope } from './scopes.ts'
import type { Caller } from './caller.ts'

export type RouteAccess = {
  /** What a token needs at least; `none`: no token of people's opens it. */
  scope: Scope | 'none'
  /**
   * What the door is about: one workspace, the one in its path; or all of them, so that a token for some may not use it; or a list,
   * which is cut to what the caller may see.
   */
  about: 'workspace' | 'all' | 'list'
  /**
   * What a workspace's own token opens: nothing; the door of that workspace alone; also those of workspaces it may talk to; or
   * as the verb decides by what it finds.
   */
  agent: 'none' | 'self' | 'peer' | 'verb'
}

/** `hidden`: the workspace does not exist for this caller. `peer`: as the tree says. */
export type AccessDecision = 'allowed' | 'forbidden' | 'hidden' | 'peer'

/** @param workspaceId in lower case; undefined where the door has none */
export function authorize(
  door: RouteAccess,
  caller: Caller,
  workspaceId: string | undefined,
): AccessDecision {
  switch (caller.kind) {
    case 'hook':
      return 'forbidden'
    case 'admin':
      return door.scope === 'none' ? 'forbidden' : 'allowed'
    case 'token':
      if (caller.workspaces !== null) {
        if (door.about === 'all') return 'forbidden'
        if (door.about === 'workspace' && !caller.workspaces.includes(workspaceId ?? '')) return 'hidden'
      }
      return door.scope !== 'none' && includesScope(caller.scope, door.scope) ? 'allowed' : 'forbidden'
    case 'workspace': {
      if (door.about !== 'workspace') return door.agent === 'verb' ? 'allowed' : 'forbidden'
      const isSelf = caller.workspaceId === workspaceId
      if (door.agent === 'none') return isSelf ? 'forbidden' : 'hidden'
      if (isSelf || door.agent === 'verb') return 'allowed'
      return door.agent === 'peer' ? 'peer' : 'hidden'
    }
  }
}
