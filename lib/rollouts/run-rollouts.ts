// The pass over all active rollouts: part of every sweep, and run after a request that changes one. The holder of a
// rollout's lease takes its steps until it has to wait; if it dies, the next pass continues.
import type { RolloutContext } from './context.ts'
import type { Store } from '../platform/context.ts'
import { and, inArray } from 'drizzle-orm'
import { rollouts } from '../../drizzle/schema/index.ts'
import { holdsLease, isFree, LEASE_END, newLease, NO_LEASE } from '../platform/lease.ts'
import { executeStep } from './execute-step.ts'
import { countRollout, recordProgress } from './count-rollout.ts'
import { decideRollout } from './decide-rollout.ts'
import type { Rollout } from './rollout.ts'
import { startPublished } from './start-published.ts'

/** The most steps of one rollout in one pass: a Worker's pass has a budget of statements. */
const MAX_STEPS = 6

/** Statements for finding active rollouts, and for one step with the end of its lease. */
const CLAIM_COST = 4
const STEP_COST = 6

/** @returns ids of restarted workspaces */
export async function runRollouts(services: RolloutContext): Promise<string[]> {
  if (services.budget.left() < CLAIM_COST) return []
  await startPublished(services)
  const restarted: string[] = []
  for (const first of await claim(services)) {
    try {
      restarted.push(...(await advance(services, first)))
    } catch (error) {
      // Its lease runs out, and the next pass tries again; the others go on.
      services.log('error', 'a rollout could not be advanced', { rollout_id: first.id, error })
    }
  }
  return restarted
}

async function advance(services: RolloutContext, first: Rollout): Promise<string[]> {
  const restarted: string[] = []
  let rollout: Rollout | undefined = first
  for (let steps = 0; steps < MAX_STEPS && rollout !== undefined && isMoving(rollout); steps++) {
    // The next pass continues.
    if (services.budget.left() < STEP_COST) break
    await recordProgress(services, rollout)
    const counted = await countRollout(services, rollout)
    const { isTrial, ...standing } = { ...rollout, isTrial: rollout.only !== null }
    const step = decideRollout({ ...standing, state: rollout.state, isTrial }, counted, services.now())
    if (step.do === 'wait') break
    services.log('info', 'rollout', { rollout_id: rollout.id, step: step.do, ...counted })
    const ids = await executeStep(services, rollout, step)
    // The counted workspaces have changed meanwhile.
    if ((step.do === 'begin' || step.do === 'restore') && ids.length === 0) break
    restarted.push(...ids)
    rollout = await renew(services, rollout)
  }
  await release(services, first)
  return restarted
}

const isMoving = (rollout: Rollout): rollout is Rollout & { state: 'running' | 'rolling_back' } =>
  rollout.state === 'running' || rollout.state === 'rolling_back'

/** Takes the free leases of all active rollouts. Two passes at once never get the same one. */
function claim({ db }: Store): Promise<Rollout[]> {
  return db
    .update(rollouts)
    .set(newLease())
    .where(and(inArray(rollouts.state, ['running', 'rolling_back']), isFree(rollouts)))
    .returning()
}

/** The rollout as it is now; undefined when another process has its lease. */
async function renew({ db }: Store, rollout: Rollout): Promise<Rollout | undefined> {
  const [row] = await db
    .update(rollouts)
    .set({ leasedUntil: LEASE_END })
    .where(holdsLease(rollouts, rollout))
    .returning()
  return row
}

async function release({ db }: Store, rollout: Rollout): Promise<void> {
  await db.update(rollouts).set(NO_LEASE).where(holdsLease(rollouts, rollout))
}
