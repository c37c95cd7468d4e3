// Reconciles one workspace at once, for the request that changed it. The sweep does the same for every workspace that
// is due, with the same error handling (`reconcileSafely`).
import type { ReconcileContext } from './context.ts'
import { withRequestBudget, withBudget } from '../platform/subrequest-budget.ts'
import { isStopping } from '../platform/context.ts'
import {
  claimWorkspace,
  type ClaimedWorkspace,
  releaseUnstarted,
  releaseWorkspace,
} from '../lifecycle/queries.ts'
import { RECONCILE_COST, reconcileWorkspace } from './reconcile.ts'

/**
 * How long a request's reconcile follows a workspace, and when, on Workers, a call in flight is aborted, in
 * milliseconds. Workers end `waitUntil` work after 30 s; in between a probe of the agent can end, and two statements
 * can run.
 */
export const REQUEST_RECONCILE_MS = 22_000
export const REQUEST_CUT_MS = 28_000

/** Requests that are reserved for releasing a lease. */
export const RELEASE_COST = 1

/**
 * Reconciles a workspace at once. Does nothing when another process has its lease, which will see the change; nor
 * when the request has no subrequests left: the workspace is due, and the next sweep takes it.
 */
export async function reconcileNow(services: ReconcileContext, id: string): Promise<void> {
  await reconcileWithin(services, (bounded) => claimWorkspace(bounded.db, id))
}

/** The same for a workspace whose lease was taken with the change: where it cannot begin, the lease is released. */
export async function reconcileClaimed(services: ReconcileContext, row: ClaimedWorkspace): Promise<void> {
  if (!(await reconcileWithin(services, () => row))) await releaseUnstarted(services.db, [row])
}

/** @returns whether it began */
async function reconcileWithin(
  services: ReconcileContext,
  claim: (bounded: ReconcileContext) => ClaimedWorkspace | undefined | Promise<ClaimedWorkspace | undefined>,
): Promise<boolean> {
  if (isStopping(services)) return false
  const { budget, ...counted } = withRequestBudget(services)
  const now = services.now().getTime()
  const until = now + REQUEST_RECONCILE_MS
  const share = budget.share(RECONCILE_COST, {
    most: budget.left() / 2,
    reserve: RELEASE_COST,
    until,
    cutAt: now + REQUEST_CUT_MS,
  })
  if (share === undefined) return false
  const bounded = withBudget({ ...counted, budget }, share)
  const row = await claim(bounded)
  if (row !== undefined) await reconcileSafely(bounded, row, until)
  share.end()
  return true
}

function reconcileTraced(services: ReconcileContext, row: ClaimedWorkspace, until: number): Promise<boolean> {
  const attributes = { 'molecule.workspace_id': row.id }
  return services.tracer.span('reconcile', { attributes }, () => reconcileWorkspace(services, row, { until }))
}

/**
 * One workspace's failure never stops the others: its lease runs out and the next sweep tries again. Where only the
 * budget was used up, the lease is released at once.
 * @param until in Unix milliseconds: no further round begins after it
 * @returns false when it failed
 */
export async function reconcileSafely(
  services: ReconcileContext,
  first: ClaimedWorkspace,
  until: number,
): Promise<boolean> {
  let row: ClaimedWorkspace | undefined = first
  try {
    // A change that came while the lease was held is reconciled before this process ends.
    while (row !== undefined && (await reconcileTraced(services, row, until))) {
      row =
        services.now().getTime() < until && !isStopping(services)
          ? await claimWorkspace(services.db, row.id)
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
