// Reconciles the workspaces that a request has changed, after its response. `Prefer: wait` delays the response until
// the first of them has settled.
import type { Context } from 'hono'
import type { Services } from '../../lib/control-plane/services.ts'
import { waitUntilSettled } from '../../lib/lifecycle/wait.ts'
import type { ClaimedWorkspace } from '../../lib/lifecycle/queries.ts'
import type { Workspace } from '../../lib/lifecycle/workspace.ts'
import { withRequestBudget } from '../../lib/platform/subrequest-budget.ts'
import { reconcileClaimed, reconcileNow } from '../../lib/reconcile/reconcile-now.ts'
import { preferredWait } from './prefer.ts'

/**
 * @param changed workspaces, by their ids, or claimed by the statement that changed them
 * @returns the first workspace after the wait; undefined when the caller does not wait
 */
export async function reconcileAfterResponse(
  services: Services,
  c: Context,
  changed: (string | ClaimedWorkspace)[],
): Promise<Workspace | undefined> {
  const budgeted = withRequestBudget(services)
  for (const one of changed) {
    const done = typeof one === 'string' ? reconcileNow(budgeted, one) : reconcileClaimed(budgeted, one)
    c.executionCtx.waitUntil(done)
  }
  const [first] = changed
  const id = typeof first === 'string' ? first : first?.id
  return id === undefined ? undefined : waitIfPreferred(budgeted, c, id)
}

/** @returns the workspace after the wait; undefined when the caller does not wait */
export async function waitIfPreferred(
  services: Services,
  c: Context,
  id: string,
): Promise<Workspace | undefined> {
  const seconds = preferredWait(c)
  return seconds === undefined
    ? undefined
    : waitUntilSettled(withRequestBudget(services), id, seconds, c.req.raw.signal)
}
