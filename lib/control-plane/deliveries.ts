// Delivers everything that was accepted for later delivery, in one pass: messages of schedules, messages to agents and
// events to webhook endpoints. Runs beside the sweep, which does not wait for slow receivers. Several passes at once share the work
// through leases.
import type { Database } from '../../drizzle/database.ts'
import { diagnoseDatabase } from '../platform/database-errors.ts'
import { releaseMessages } from '../messages/claim.ts'
import { deliverMessages } from '../messages/deliver.ts'
import { runSchedules } from '../schedules/run-schedules.ts'
import type { Services } from './services.ts'
import { releaseAllEndpoints } from '../webhooks/claim.ts'
import { deliverWebhooks } from '../webhooks/deliver.ts'

const PASSES = [deliverMessages, deliverWebhooks]

/** Delivers whatever is due, schedules first, because they store messages. */
export async function runDeliveries(services: Services): Promise<void> {
  await runPass(services, runSchedules)
  await Promise.all(PASSES.map((pass) => runPass(services, pass)))
}

/** A pass that fails is logged and stops no other. */
async function runPass(services: Services, pass: (services: Services) => Promise<unknown>): Promise<void> {
  try {
    await pass(services)
  } catch (error) {
    // A database that is down is reported by the sweep.
    const level = diagnoseDatabase(error) === undefined ? 'error' : 'info'
    services.log(level, 'deliveries failed', { pass: pass.name, error })
  }
}

/** Ends all leases. Only for a process that is alone with its database, where every holder is gone at the start. */
export async function releaseDeliveries(db: Database): Promise<void> {
  await releaseMessages(db)
  await releaseAllEndpoints(db)
}
