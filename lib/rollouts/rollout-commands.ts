// What people may tell a rollout: halt, go on, go back.
import type { Core, Store } from '../platform/context.ts'
import { eq, sql } from 'drizzle-orm'
import { rollouts, runtimeDefaults } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { changeRollout, type RolloutChange } from './change-rollout.ts'
import type { Rollout } from './rollout.ts'

/** @throws DomainError `not_found` */
export async function getRollout({ db }: Store, id: string): Promise<Rollout> {
  const [row] = await db.select().from(rollouts).where(eq(rollouts.id, id))
  if (row === undefined) throw new DomainError('not_found', 'rollout not found; GET /rollouts lists them')
  return row
}

/** No more workspaces are given the image; those that have it keep it. @throws DomainError `not_found`, `conflict` */
export function haltRollout(services: Core, id: string): Promise<Rollout> {
  return steer(services, 'halted', {
    id,
    from: ['running'],
    changes: {
      state: 'halted',
      reason: {
        code: 'halted',
        message: 'Somebody halted it.',
        hint: 'Resume it, or roll it back: until then the runtime takes no other.',
      },
    },
    event: 'rollout_halted',
  })
}

/** Goes on where it was; after a trial, with all others. @throws DomainError `not_found`, `conflict` */
export function resumeRollout(services: Core, id: string): Promise<Rollout> {
  const isTrialOver = sql`${rollouts.reason} ->> 'code' = 'trial_over'`
  return steer(services, 'resumed', {
    id,
    from: ['halted'],
    changes: {
      state: 'running',
      tranche: sql`case when ${isTrialOver} then ${rollouts.tranche} + 1 else ${rollouts.tranche} end`,
      only: sql`case when ${isTrialOver} then null else ${rollouts.only} end`,
      reason: null,
      trancheSince: services.now(),
      watchingSince: null,
    },
    event: 'rollout_resumed',
  })
}

/**
 * Gives all that have the image the one before, also after the rollout was completed, if none came after it.
 * @throws DomainError `not_found`; `conflict` when it was rolled back already, or is history
 */
export function rollBackRollout(services: Core, id: string): Promise<Rollout> {
  const now = services.now()
  return steer(services, 'rolled back', {
    id,
    from: ['running', 'halted', 'completed'],
    where: sql`exists (select from ${runtimeDefaults} where ${runtimeDefaults.rolloutId} = ${id})`,
    changes: {
      state: 'rolling_back',
      reason: { code: 'rolled_back', message: 'Somebody rolled it back.', hint: 'Nothing is to be done.' },
      trancheSince: now,
      finishedAt: null,
    },
    event: 'rollout_halted',
    also: [
      sql`update ${runtimeDefaults} set image = changed.previous_image, updated_at = ${now.toISOString()}::timestamptz
        from changed where ${runtimeDefaults.runtime} = changed.runtime`,
    ],
  })
}

async function steer(services: Core, verb: string, change: RolloutChange): Promise<Rollout> {
  const changed = await changeRollout(services, change)
  if (changed !== undefined) return changed
  const { state } = await getRollout(services, change.id)
  const isHistory = state === 'completed' && change.from.includes('completed')
  throw new DomainError(
    'conflict',
    isHistory
      ? 'another rollout of the runtime came after it: start one with the image you want'
      : `the rollout is ${state} and cannot be ${verb}`,
    { details: { rollout_state: state } },
  )
}
