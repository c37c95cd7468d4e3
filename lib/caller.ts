// Who is calling, once it has been proven.

/** `admin` may do everything; `workspace` is an agent with its own token. */
export type Caller = { kind: 'admin' } | { kind: 'workspace'; workspaceId: string }

/** The caller as one word, to count and to store by. */
export const callerKey = (caller: Caller) =>
  caller.kind === 'workspace' ? `workspace:${caller.workspaceId}` : caller.kind
