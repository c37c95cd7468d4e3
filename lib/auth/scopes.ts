// What an API token may do: four scopes, each of which includes the ones before it.

/**
 * `read`: see workspaces; `operate`: also change them and send them messages; `exec`: also run commands in their
 * machines, which can read their secrets; `admin`: everything.
 */
export const SCOPES = ['read', 'operate', 'exec', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

export const includesScope = (scope: Scope, needed: Scope): boolean =>
  SCOPES.indexOf(scope) >= SCOPES.indexOf(needed)
