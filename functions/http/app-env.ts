// What middleware hands to routes. Services are not here: routes are made with them.
import type { Caller } from '../../lib/auth/caller.ts'

/** The door that a request is for, as the table of doors names it, and the workspace in its path. */
export type RequestedRoute = { name: string; workspaceId: string | undefined }

export type AppEnv = { Variables: { requestId: string; caller: Caller; door?: RequestedRoute } }
