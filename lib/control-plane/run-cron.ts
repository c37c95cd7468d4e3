// A Worker's cron trigger: a sweep and deliveries, within the requests and the time of one invocation. What does not
// fit stays due for the run of the next minute. Several runs share the work through leases, and a run that is killed
// leaves leases that run out.
import { createActivityLog } from '../activity/activity-log.ts'
import { createBudget, withBudget } from '../platform/subrequest-budget.ts'
import { runDeliveries } from './deliveries.ts'
import type { Services } from './services.ts'
import { sweep, type SweepSummary } from './sweep.ts'

/** New work begins within this time; then the next run starts. Begun work may take Cloudflare's 15 minutes. */
const BEGIN_FOR_MS = 45_000

/** Requests reserved for releasing what was claimed and not begun. */
const RESERVE = 2

/** Requests of deliveries: at least, and as a part of all. The sweep gets what they do not need. */
const DELIVERIES = 16
const DELIVERIES_PART = 1 / 3

export type CronSummary = SweepSummary & {
  /** Requests that were left. */
  subrequests_left: number
}

/** @throws what the sweep or the deliveries failed with, when both have ended */
export async function runCron(services: Services): Promise<CronSummary> {
  const { log, meter, now, sleep } = services
  const budget = createBudget(meter?.limit ?? Infinity, now, { reserve: RESERVE })
  const counted = withBudget(services, budget)
  const own = { ...counted, activity: createActivityLog({ db: counted.db, log, now, sleep }) }
  const forDeliveries = budget.share(DELIVERIES, {
    most: budget.left() * DELIVERIES_PART,
    until: now().getTime() + BEGIN_FOR_MS,
  })
  const deliver = async () => {
    if (forDeliveries === undefined) return
    await runDeliveries(withBudget(own, forDeliveries))
    forDeliveries.end()
  }
  const [swept, delivered] = await Promise.allSettled([sweep(own, { forMs: BEGIN_FOR_MS }), deliver()])
  if (swept.status === 'rejected') throw swept.reason
  if (delivered.status === 'rejected') throw delivered.reason
  return { ...swept.value, subrequests_left: budget.left() }
}
