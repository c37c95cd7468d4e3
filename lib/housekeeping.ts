// What must be done now and then and by nobody in particular: forgetting what is kept for a time only. The sweep asks for it
// every time, and mostly nothing is due.
import { forgetActivity } from './activity/forget-activity.ts'
import { forgetDelegations } from './delegations/forget-delegations.ts'
import { forgetMessages } from './messages/finish.ts'
import { forgetDelivered } from './secrets/forget-delivered.ts'
import { forgetAudit } from './audit/audit.ts'
import { forgetRollouts } from './rollouts/forget-rollouts.ts'
import type { Services } from './services.ts'
import { forgetLimits } from './shared-limit.ts'
import { forgetPublished } from './webhooks/record-published.ts'

const EVERY_MS = 10 * 60_000

const DUTIES = [
  forgetAudit,
  forgetActivity,
  forgetDelegations,
  forgetMessages,
  forgetLimits,
  forgetDelivered,
  forgetPublished,
  forgetRollouts,
]

/** When each control plane of this process last did it, in milliseconds since 1970. */
const lastKept = new WeakMap<Services, number>()

/** Does every duty, at most once in ten minutes for the same services. One that fails is logged and stops no other. */
export async function keepHouse(services: Services): Promise<void> {
  const now = services.now().getTime()
  if (now - (lastKept.get(services) ?? -Infinity) < EVERY_MS) return
  lastKept.set(services, now)
  for (const duty of DUTIES) {
    try {
      await duty(services)
    } catch (error) {
      services.log('error', 'housekeeping failed', { duty: duty.name, error })
    }
  }
}
