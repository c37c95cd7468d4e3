// The pass over all rollouts that are under way: part of every sweep, and run when somebody asked for something. Whoever holds a
// rollout's lease takes its steps until it has to wait; one that dies is continued by the next pass.
import type { RolloutContext } from './context.ts'
import type { Store } from '../platform/context.ts'
import { and, inArray } from 'drizzle-orm'
import { rollouts } from '../../drizzle/schema/index.ts'
import { holdsLease, isFree, leaseEnd, newLease, NO_LEASE } from '../platform/lease.ts'
import { executeStep } from './execute-step.ts'
import { countRollout, noteProgress } from './count-rollout.ts'
import { decideRollout } from './decide-rollout.ts'
import type { Rollout } from './rollout.ts'
import { startPublished } from './start-published.ts'

/** Steps of one rollout in one pass, at most: a Worker's pass has a budget of statements. */
const MAX_STEPS = 6

/** Statements that looking for what is under way takes, and one step, its lease's end included. */
const CLAIM_COST = 4
const STEP_COST = 6

/** @returns ids of workspaces that were restarted */
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
    // What is left of it is looked at by the next pass.
    if (services.budget.left() < STEP_COST) break
    await noteProgress(services, rollout)
    const counted = await countRollout(services, rollout)
    const { isTrial, ...standing } = { ...rollout, isTrial: rollout.only !== null }
    const step = decideRollout({ ...standing, state: rollout.state, isTrial }, counted, services.now())
    if (step.do === 'wait') break
    services.log('info', 'rollout', { rollout_id: rollout.id, step: step.do, ...counted })
    const ids = await executeStep(services, rollout, step)
    // Those that were counted were not there any more: somebody else is at them.
    if ((step.do === 'begin' || step.do === 'restore') && ids.length === 0) break
    restarted.push(...ids)
    rollout = await renew(services, rollout)
  }
  await release(services, first)
  return restarted
}

const isMoving = (rollout: Rollout): rollout is Rollout & { state: 'running' | 'rolling_back' } =>
  rollout.state === 'running' || rollout.state === 'rolling_back'

/** Takes the leases of all that are under way and that nobody holds. Two passes at once never get the same one. */
function claim({ db, now }: Store): Promise<Rollout[]> {
  return db
    .update(rollouts)
    .set(newLease(now()))
    .where(and(inArray(rollouts.state, ['running', 'rolling_back']), isFree(rollouts, now())))
    .returning()
}

/** The rollout as it is now; undefined when its lease ran out and is somebody else's. */
async function renew({ db, now }: Store, rollout: Rollout): Promise<Rollout | undefined> {
  const [row] = await db
    .update(rollouts)
    .set({ leasedUntil: leaseEnd(now()) })
    .where(holdsLease(rollouts, rollout))
    .returning()
  return row
}

async function release({ db }: Store, rollout: Rollout): Promise<void> {
  await db.update(rollouts).set(NO_LEASE).where(holdsLease(rollouts, rollout))
}
