// Variables that middleware sets on Hono's context for handlers. Services are not among them: routes are created with
// them.
import type { Caller } from '../../lib/auth/caller.ts'

/** The route that a request matches, by its name in the access policy, and the workspace id in its path. */
export type RequestedRoute = { name: string; workspaceId: string | undefined }

export type AppEnv = {
  Variables: {
    requestId: string
    caller: Caller
    route?: RequestedRoute | undefined
    /** Ids of other workspaces in the body and the query, in lower case. */
    otherWorkspaces?: readonly string[]
    /** The name of the program that the request runs in a machine, for the audit. */
    command?: string
  }
}
