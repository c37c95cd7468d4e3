// Deletes what is kept for a limited time. Every sweep calls this; most of the time nothing is due.
import { deleteExpiredActivity } from '../activity/retention.ts'
import { withBudget } from '../platform/subrequest-budget.ts'
import { deleteExpiredDelegations } from '../delegations/retention.ts'
import { deleteExpiredDisks } from '../disks/delete-disks.ts'
import { deleteExpiredMessages } from '../messages/finish.ts'
import { deleteExpiredRecords } from '../molecule/retention.ts'
import { deleteDeliveredSecrets } from '../secrets/delete-delivered.ts'
import type { Metrics } from '../platform/metrics.ts'
import { deleteExpiredAudit, deleteExpiredEvents } from '../events/retention.ts'
import { deleteExpiredRollouts } from '../rollouts/retention.ts'
import { inventoryDisks } from '../fleet/disk-inventory.ts'
import { deleteExpiredImages } from '../rollouts/record-published.ts'
import type { Services } from './services.ts'
import { endOwnedByRemoved } from '../workspaces/owned-rows.ts'
import { deleteExpiredHolds } from '../workspaces/holds.ts'
import { deleteExpiredQuotas } from '../platform/distributed-rate-limit.ts'
import { deleteExpiredDeliveries } from '../webhooks/deliveries.ts'

const EVERY_MS = 10 * 60_000

const TASKS = [
  deleteExpiredAudit,
  deleteExpiredEvents,
  deleteExpiredActivity,
  deleteExpiredDelegations,
  deleteExpiredDisks,
  inventoryDisks,
  deleteExpiredMessages,
  deleteExpiredQuotas,
  deleteDeliveredSecrets,
  deleteExpiredDeliveries,
  deleteExpiredImages,
  deleteExpiredRollouts,
  deleteExpiredHolds,
  endOwnedByRemoved,
  deleteExpiredRecords,
]

/** Requests that the tasks need when there is little to delete, and the part of a pass that they may take. */
const COST = 15
const PART = 1 / 3

/**
 * When each control plane of this process last ran it, in Unix milliseconds. Services may be composed again; their
 * metrics are kept.
 */
const lastRun = new WeakMap<Metrics, number>()

/**
 * Runs all tasks, at most once in ten minutes per control plane. A task that fails is logged and stops no other. What
 * does not fit into the budget waits for the next run, which begins with another task.
 */
export async function runRetention(services: Services): Promise<void> {
  const now = services.now().getTime()
  if (now - (lastRun.get(services.metrics) ?? -Infinity) < EVERY_MS) return
  const budget = services.budget.share(COST, { most: services.budget.left() * PART })
  if (budget === undefined) return
  lastRun.set(services.metrics, now)
  const first = Math.floor(now / EVERY_MS) % TASKS.length
  for (const task of [...TASKS.slice(first), ...TASKS.slice(0, first)]) {
    if (budget.left() < 1) break
    try {
      await task(withBudget(services, budget))
    } catch (error) {
      services.log('error', 'a retention task failed', { task: task.name, error })
    }
  }
  budget.end()
}
