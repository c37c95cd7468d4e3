// Who is calling, once it has been proven.
import type { Scope } from './scopes.ts'

/**
 * `admin` may do everything; `token` what its scope says, where `workspaces` is null or names it; `workspace` is an agent with its
 * own token. `hook` is another system whose signature was checked; it may use its hook and nothing else.
 */
export type Caller =
  | { kind: 'admin' }
  | { kind: 'token'; id: string; name: string; scope: Scope; workspaces: readonly string[] | null }
  | { kind: 'workspace'; workspaceId: string }
  | { kind: 'hook'; workspaceId: string; hook: string }

/** The caller as one word, to count and to store by. */
export function callerKey(caller: Caller): string {
  switch (caller.kind) {
    case 'admin':
      return 'admin'
    case 'token':
      return `token:${caller.id}`
    case 'workspace':
      return `workspace:${caller.workspaceId}`
    case 'hook':
      return `hook:${caller.workspaceId}/${caller.hook}`
  }
}
