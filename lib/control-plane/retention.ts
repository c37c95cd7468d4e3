// What must be done now and then and by nobody in particular: forgetting what is kept for a time only. The sweep asks for it
// every time, and mostly nothing is due.
import { deleteExpiredActivity } from '../activity/retention.ts'
import { withBudget } from '../platform/subrequest-budget.ts'
import { deleteExpiredDelegations } from '../delegations/retention.ts'
import { deleteExpiredMessages } from '../messages/finish.ts'
import { deleteDeliveredSecrets } from '../secrets/delete-delivered.ts'
import type { Metrics } from '../platform/metrics.ts'
import { forgetAudit, deleteExpiredEvents } from '../events/retention.ts'
import { deleteExpiredRollouts } from '../rollouts/retention.ts'
import { deleteExpiredImages } from '../rollouts/record-published.ts'
import type { Services } from './services.ts'
import { deleteExpiredQuotas } from '../platform/distributed-rate-limit.ts'
import { deleteExpiredDeliveries } from '../webhooks/deliveries.ts'

const EVERY_MS = 10 * 60_000

const DUTIES = [
  forgetAudit,
  deleteExpiredEvents,
  deleteExpiredActivity,
  deleteExpiredDelegations,
  deleteExpiredMessages,
  deleteExpiredQuotas,
  deleteDeliveredSecrets,
  deleteExpiredDeliveries,
  deleteExpiredImages,
  deleteExpiredRollouts,
]

/** Requests that the duties need when there is little to forget, and the part of a pass that they may take. */
const COST = 10
const PART = 1 / 3

/** When each control plane of this process last did it, in milliseconds since 1970; services are made anew, their numbers not. */
const lastKept = new WeakMap<Metrics, number>()

/**
 * Does every duty, at most once in ten minutes for the same control plane. One that fails is logged and stops no other; what is
 * not finished within its part of the budget waits for the next time, when others begin.
 */
export async function runRetention(services: Services): Promise<void> {
  const now = services.now().getTime()
  if (now - (lastKept.get(services.metrics) ?? -Infinity) < EVERY_MS) return
  const budget = services.budget.share(COST, { most: services.budget.left() * PART })
  if (budget === undefined) return
  lastKept.set(services.metrics, now)
  const first = Math.floor(now / EVERY_MS) % DUTIES.length
  for (const duty of [...DUTIES.slice(first), ...DUTIES.slice(0, first)]) {
    if (budget.left() < 1) break
    try {
      await duty(withBudget(services, budget))
    } catch (error) {
      services.log('error', 'housekeeping failed', { duty: duty.name, error })
    }
  }
  budget.end()
}
