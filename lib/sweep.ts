// The one loop that outlives every request: notices what is not as it should be, then reconciles what is due. Run by cron
// on Workers and by a timer on Node; several at once share the work through leases.
import { controlPlane as controlPlanes } from '../drizzle/schema.ts'
import { listFleet, noticeDrift } from './drift.ts'
import { keepHouse } from './housekeeping.ts'
import { advanceRollouts } from './rollouts/advance-rollouts.ts'
import { destroyOrphans, noteOrphans } from './orphans.ts'
import type { Services } from './services.ts'
import { hibernateIdle } from './workspaces/hibernate.ts'
import { claimDue, claimWorkspace, type ClaimedWorkspace } from './workspaces/queries.ts'
import { reconcileWorkspace } from './workspaces/reconcile.ts'

export type SweepOptions = {
  /** Most workspaces taken up in one pass; the rest stay due. */
  limit?: number
  /** Workspaces reconciled at the same time. Workers allow six connections at once. */
  concurrency?: number
  /** Milliseconds a pass may stay with a workspace that is waiting for its machine. */
  patienceMs?: number
}

export type SweepSummary = {
  drifted: number
  orphans: number
  hibernated: number
  reconciled: number
  failed: number
}

/** How long a request's own reconcile follows a workspace: Workers end `waitUntil` work after 30 s. */
const REQUEST_PATIENCE_MS = 25_000

export async function sweep(services: Services, options: SweepOptions = {}): Promise<SweepSummary> {
  const { metrics } = services
  const began = performance.now()
  let outcome = 'failed'
  try {
    const summary = await sweepOnce(services, options)
    outcome = 'ok'
    return summary
  } finally {
    metrics.count('molecule_sweeps_total', { outcome })
    metrics.set('molecule_sweep_seconds', (performance.now() - began) / 1000)
  }
}

async function sweepOnce(services: Services, options: SweepOptions): Promise<SweepSummary> {
  const { limit = 50, concurrency = 6, patienceMs = 5_000 } = options
  const inventory = await takeInventory(services)
  const hibernated = await hibernateIdle(services, limit)
  // What it wants restarted is due, and taken up at once.
  await advanceRollouts(services)
  const queue = await claimDue(services.db, services.now(), limit)
  const reconciled = queue.length
  const until = services.now().getTime() + patienceMs
  let failed = 0
  const work = async () => {
    for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
      if (!(await reconcileSafely(services, row, until))) failed++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  await keepHouse(services)
  return { ...inventory, hibernated, reconciled, failed }
}

async function takeInventory(services: Services): Promise<{ drifted: number; orphans: number }> {
  const { db, now } = services
  const [self] = await db
    .update(controlPlanes)
    .set({ lastSweptAt: now() })
    .returning({ id: controlPlanes.id })
  if (self === undefined) throw new Error('the control plane has no identity: are the migrations applied?')
  const fleet = await listFleet(services, self.id)
  const drifted = await noticeDrift(services, fleet)
  if (fleet.every(({ entries }) => entries.length === 0)) return { drifted, orphans: 0 }
  await noteOrphans(services, fleet)
  return { drifted, orphans: await destroyOrphans(services, self.id) }
}

/** The same, for one workspace and at once. Does nothing when somebody else is at it: they will see what is wanted. */
export async function reconcileNow(services: Services, id: string): Promise<void> {
  const row = await claimWorkspace(services.db, id, services.now())
  if (row !== undefined) await reconcileSafely(services, row, services.now().getTime() + REQUEST_PATIENCE_MS)
}

// One workspace's failure never stops the others; its lease runs out and the next sweep tries again.
async function reconcileSafely(services: Services, first: ClaimedWorkspace, until: number): Promise<boolean> {
  try {
    let row: ClaimedWorkspace | undefined = first
    // A wish that came while the lease was held found it taken; it is looked after before anybody lets go.
    while (row !== undefined && (await reconcileWorkspace(services, row, { until }))) {
      row =
        services.now().getTime() < until
          ? await claimWorkspace(services.db, row.id, services.now())
          : undefined
    }
    return true
  } catch (error) {
    services.log('error', 'a reconcile failed', { workspace_id: first.id, error })
    return false
  }
}
