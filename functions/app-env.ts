// What middleware hands to routes. Services are not here: routes are made with them.

/** `admin` may do everything; `workspace` is an agent with its own token, and reaches its own doors. */
export type Caller = { kind: 'admin' } | { kind: 'workspace'; workspaceId: string }

export type AppEnv = { Variables: { requestId: string; caller: Caller } }
