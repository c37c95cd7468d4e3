// The authenticated caller of a request.
import type { Scope } from './scopes.ts'

/**
 * `admin` has every permission. `token` is an API token with a scope; `workspaces` is null or its limit. `workspace`
 * is an agent with its workspace token, and `generation` is that of the token. `hook` is a system whose signature was
 * verified; it may use its hook and nothing else. `schedule` sends the messages of a workspace's schedule.
 */
export type Caller =
  | { kind: 'admin' }
  | { kind: 'token'; id: string; name: string; scope: Scope; workspaces: readonly string[] | null }
  | { kind: 'workspace'; workspaceId: string; generation?: number }
  | { kind: 'hook'; workspaceId: string; hook: string }
  | { kind: 'schedule'; workspaceId: string; schedule: string }

/** The caller as one string, for rate limits and stored rows. */
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
    case 'schedule':
      return `schedule:${caller.workspaceId}/${caller.schedule}`
  }
}
