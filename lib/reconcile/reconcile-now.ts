// Reconciles one workspace at once, for the request that changed it. The sweep does the same for every workspace that is due,
// with the same guard around each (`reconcileSafely`).
import type { ReconcileContext } from './context.ts'
import { withRequestBudget, withBudget } from '../platform/subrequest-budget.ts'
import { isStopping } from '../platform/context.ts'
import { claimWorkspace, type ClaimedWorkspace, releaseWorkspace } from '../lifecycle/queries.ts'
import { RECONCILE_COST, reconcileWorkspace } from './reconcile.ts'

/**
 * How long a request's own reconcile follows a workspace, and when, on Workers, it gives up the call that is under way. They end
 * `waitUntil` work after 30 s; in between there is time for a probe of the agent to end by itself, and then for two statements.
 */
export const REQUEST_PATIENCE_MS = 22_000
export const REQUEST_CUT_MS = 28_000

/** Requests that are kept for giving a lease back. */
export const RELEASE_COST = 1

/**
 * Reconciles a workspace at once. Does nothing when somebody else is at it: they will see what is wanted; nor when the
 * request that asks has none left for it: the workspace is due, and the next sweep takes it.
 */
export async function reconcileNow(services: ReconcileContext, id: string): Promise<void> {
  if (isStopping(services)) return
  const { budget, ...counted } = withRequestBudget(services)
  const now = services.now().getTime()
  const until = now + REQUEST_PATIENCE_MS
  const share = budget.share(RECONCILE_COST, {
    most: budget.left() / 2,
    reserve: RELEASE_COST,
    until,
    cutAt: now + REQUEST_CUT_MS,
  })
  if (share === undefined) return
  const own = withBudget({ ...counted, budget }, share)
  const row = await claimWorkspace(own.db, id, own.now())
  if (row !== undefined) await reconcileSafely(own, row, until)
  share.end()
}

function reconcileTraced(services: ReconcileContext, row: ClaimedWorkspace, until: number): Promise<boolean> {
  const attributes = { 'molecule.workspace_id': row.id }
  return services.tracer.span('reconcile', { attributes }, () => reconcileWorkspace(services, row, { until }))
}

// One workspace's failure never stops the others; its lease runs out and the next sweep tries again. Where only the budget was
// used up, the lease is ended: to the workspace it is as if we had died, and what follows is the same.
export async function reconcileSafely(
  services: ReconcileContext,
  first: ClaimedWorkspace,
  until: number,
): Promise<boolean> {
  let row: ClaimedWorkspace | undefined = first
  try {
    // A wish that came while the lease was held found it taken; it is looked after before anybody lets go.
    while (row !== undefined && (await reconcileTraced(services, row, until))) {
      row =
        services.now().getTime() < until && !isStopping(services)
          ? await claimWorkspace(services.db, row.id, services.now())
          : undefined
    }
    return true
  } catch (error) {
    const { budget, db, log, now } = services
    if (row === undefined || !budget.isExceeded()) {
      log('error', 'a reconcile failed', { workspace_id: first.id, error })
      return false
    }
    budget.close()
    await releaseWorkspace(db, row, { at: now(), attempts: row.attempts }).catch(() => false)
    return true
  }
}
