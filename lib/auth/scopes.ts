// What an API token may do: three scopes, each of which includes the ones before it.

/** `read`: see workspaces; `operate`: also change them and send them messages; `admin`: everything. */
export const SCOPES = ['read', 'operate', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

export const includesScope = (scope: Scope, needed: Scope): boolean =>
  SCOPES.indexOf(scope) >= SCOPES.indexOf(needed)
