// What the doors to workspaces share: how they describe answers and refuse input, and how they set the reconcile road going
// after an answer.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { withRequestBudget } from '../../lib/platform/subrequest-budget.ts'
import { callerKey } from '../../lib/auth/caller.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { reconcileNow } from '../../lib/reconcile/reconcile-now.ts'
import { waitUntilSettled } from '../../lib/lifecycle/wait.ts'
import type { Workspace } from '../../lib/lifecycle/workspace.ts'
import type { AppEnv } from './app-env.ts'
import { preferredWait } from './prefer.ts'
import { Problem, toInvalidInput } from './problem.ts'

/** A router whose refused input becomes a problem document that names the field. */
export const createRouter = () =>
  new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw toInvalidInput(result.error)
    },
  })

/** What a request brings. */
export const jsonBody = <Schema extends z.ZodType>(schema: Schema, required = true) => ({
  required,
  content: { 'application/json': { schema } },
})

/** A time, or none. */
export const nullableTimestamp = z.iso.datetime().nullable()

export const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  content: { 'application/json': { schema } },
  description,
})

export const problem = (description: string) => ({
  content: { 'application/problem+json': { schema: Problem } },
  description,
})

/** In lower case, as it is stored: the same UUID is the same workspace, however it is written. */
export const IdParam = z.object({
  id: z
    .uuid('must be a UUID')
    .toLowerCase()
    .openapi({ param: { name: 'id', in: 'path' } }),
})

/** The services, as they act for the caller of this request. */
export const withCaller = (services: Services, c: Context<AppEnv>): Services => ({
  ...services,
  by: callerKey(c.get('caller')),
})

/**
 * Sets the reconcile road going for workspaces, and waits for the first of them if the caller prefers so.
 * @returns the first one as it is after the wait; undefined when no wait was asked for
 */
export async function reconcileAfterResponse(
  services: Services,
  c: Context,
  ids: string[],
): Promise<Workspace | undefined> {
  const own = withRequestBudget(services)
  for (const id of ids) c.executionCtx.waitUntil(reconcileNow(own, id))
  const seconds = preferredWait(c)
  const [id] = ids
  return seconds === undefined || id === undefined
    ? undefined
    : waitUntilSettled(own, id, seconds, c.req.raw.signal)
}
