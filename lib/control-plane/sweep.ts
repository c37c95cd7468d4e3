// One pass over everything that is due: finds machines that are not as wanted, then reconciles. Run by cron on
// Workers and by a timer on Node; several at once share the work through leases.
import { type SubrequestBudget, withBudget } from '../platform/subrequest-budget.ts'
import { beginInventory, listFleet, markDrifted } from '../fleet/drift.ts'
import { runRetention } from './retention.ts'
import { runRollouts } from '../rollouts/run-rollouts.ts'
import { destroyOrphans, recordOrphans } from '../fleet/orphans.ts'
import { isStopping } from '../platform/context.ts'
import type { Services } from './services.ts'
import { hibernateIdle } from '../workspaces/hibernate.ts'
import { claimDue, type ClaimedWorkspace, releaseUnstarted } from '../lifecycle/queries.ts'
import { forEachConcurrently } from '../platform/concurrency.ts'
import { LEASE_MS } from '../platform/lease.ts'
import { RECONCILE_COST } from '../reconcile/reconcile.ts'
import { RELEASE_COST, reconcileSafely } from '../reconcile/reconcile-now.ts'

export type SweepOptions = {
  /** Workspaces that one pass claims at a time; the rest stay due. */
  limit?: number
  /** Workspaces reconciled at the same time. Workers allow six connections at once. */
  concurrency?: number
  /** Milliseconds that a pass may follow a workspace that waits for its machine. */
  patienceMs?: number
  /** Milliseconds in which further workspaces are claimed, if they were due when the pass began. */
  forMs?: number
}

export type SweepSummary = {
  drifted: number
  orphans: number
  hibernated: number
  reconciled: number
  failed: number
}

/** A claimed workspace is begun well within its lease, or released. */
const BEGIN_WITHIN_MS = LEASE_MS / 2

/** One pass over every workspace that is due. @throws what the pass failed with; leases then run out by themselves */
export async function sweep(services: Services, options: SweepOptions = {}): Promise<SweepSummary> {
  const { metrics } = services
  const began = performance.now()
  let outcome = 'failed'
  try {
    const summary = await services.tracer.span('sweep', {}, async (span) => {
      const done = await sweepOnce(services, options)
      span.set({
        'molecule.sweep.reconciled': done.reconciled,
        'molecule.sweep.failed': done.failed,
        'molecule.sweep.drifted': done.drifted,
      })
      return done
    })
    outcome = 'ok'
    return summary
  } finally {
    metrics.count('molecule_sweeps_total', { outcome })
    metrics.set('molecule_sweep_seconds', (performance.now() - began) / 1000)
  }
}

async function sweepOnce(services: Services, options: SweepOptions): Promise<SweepSummary> {
  const { limit = 50, concurrency = 6, patienceMs = 5_000, forMs = 0 } = options
  const { budget, now } = services
  const inventory = await takeInventory(services)
  const hibernated = await hibernateIdle(services, limit)
  await advanceRollouts(services)
  const retention = isStopping(services) ? undefined : runRetention(services)
  const dueAt = now()
  let [reconciled, failed, isMore] = [0, 0, true]
  while (isMore && !isStopping(services)) {
    const wanted = Math.min(limit, Math.floor((budget.left() - CLAIM_COST) / RECONCILE_COST))
    if (wanted < 1) break
    const rows = await claimDue(services.db, { dueAt, limit: wanted })
    const done = await reconcileAll(services, rows, { concurrency, until: now().getTime() + patienceMs })
    reconciled += done.reconciled
    failed += done.failed
    isMore = rows.length === wanted && done.reconciled === wanted && now().getTime() < dueAt.getTime() + forMs
  }
  await retention
  return { ...inventory, hibernated, reconciled, failed }
}

const CLAIM_COST = 1

/** Requests that rollouts need to advance, and the part of a sweep that they may take. */
const ROLLOUT_COST = 16
const ROLLOUT_PART = 1 / 3

/** Workspaces that rollouts restart are due afterwards, and reconciled in the same sweep. */
async function advanceRollouts(services: Services): Promise<void> {
  if (isStopping(services)) return
  const { budget } = services
  const share = budget.share(ROLLOUT_COST, { most: budget.left() * ROLLOUT_PART })
  if (share === undefined) return
  await runRollouts(withBudget(services, share))
  share.end()
}

/** Reconciles claimed workspaces while the budget lasts. The leases of those that were not begun are released. */
async function reconcileAll(
  services: Services,
  rows: ClaimedWorkspace[],
  { concurrency, until }: { concurrency: number; until: number },
): Promise<{ reconciled: number; failed: number }> {
  const { budget, now } = services
  const beginBefore = now().getTime() + BEGIN_WITHIN_MS
  // All at once may have as much as one of them alone would need for all its steps; few requests go to few
  // workspaces.
  const most = budget.left() / Math.max(1, Math.min(concurrency, rows.length))
  let share: SubrequestBudget | undefined
  const mayBegin = () => {
    if (now().getTime() >= beginBefore || isStopping(services)) return false
    share = budget.share(RECONCILE_COST, { most, reserve: RELEASE_COST })
    return share !== undefined
  }
  let failed = 0
  const unstarted = await forEachConcurrently(
    rows,
    concurrency,
    async (row) => {
      // Taken by `mayBegin` in this same tick.
      const own = share as SubrequestBudget
      if (!(await reconcileSafely(withBudget(services, own), row, until))) failed++
      own.end()
    },
    mayBegin,
  )
  if (unstarted.length > 0) {
    budget.close()
    await releaseUnstarted(services.db, unstarted)
  }
  return { reconciled: rows.length - unstarted.length, failed }
}

async function takeInventory(services: Services): Promise<{ drifted: number; orphans: number }> {
  const inventory = await beginInventory(services)
  if (inventory === undefined)
    throw new Error('the control plane has no identity: are the migrations applied?')
  const fleet = await listFleet(services, inventory)
  const drifted = await markDrifted(services, fleet)
  if (fleet.every(({ entries }) => entries.length === 0)) return { drifted, orphans: 0 }
  await recordOrphans(services, fleet)
  return { drifted, orphans: await destroyOrphans(services, inventory.controlPlaneId) }
}
