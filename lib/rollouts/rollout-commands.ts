// Commands for a rollout: halt, resume, roll back.
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

/** No further workspace gets the image; those that have it keep it. @throws DomainError `not_found`, `conflict` */
export function haltRollout(services: Core, id: string): Promise<Rollout> {
  return command(services, 'halted', {
    id,
    from: ['running'],
    changes: {
      state: 'halted',
      reason: {
        code: 'halted',
        message: 'A caller halted it.',
        hint: 'Resume it or roll it back: until then the runtime can have no other rollout.',
      },
    },
    event: 'rollout_halted',
  })
}

/** Continues; after a trial, with all other workspaces. @throws DomainError `not_found`, `conflict` */
export function resumeRollout(services: Core, id: string): Promise<Rollout> {
  const isTrialOver = sql`${rollouts.reason} ->> 'code' = 'trial_over'`
  return command(services, 'resumed', {
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
 * Returns all workspaces that have the image to the earlier one, also after completion, unless a newer rollout
 * followed.
 * @throws DomainError `not_found`; `conflict` when it was rolled back already, or a newer rollout followed
 */
export function rollBackRollout(services: Core, id: string): Promise<Rollout> {
  const now = services.now()
  return command(services, 'rolled back', {
    id,
    from: ['running', 'halted', 'completed'],
    where: sql`exists (select from ${runtimeDefaults} where ${runtimeDefaults.rolloutId} = ${id})`,
    changes: {
      state: 'rolling_back',
      reason: { code: 'rolled_back', message: 'A caller rolled it back.', hint: 'No action is needed.' },
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

async function command(services: Core, verb: string, change: RolloutChange): Promise<Rollout> {
  const changed = await changeRollout(services, change)
  if (changed !== undefined) return changed
  const { state } = await getRollout(services, change.id)
  const isHistory = state === 'completed' && change.from.includes('completed')
  throw new DomainError(
    'conflict',
    isHistory
      ? 'a newer rollout of the runtime followed: start one with the image you want'
      : `the rollout is ${state} and cannot be ${verb}`,
    { details: { rollout_state: state } },
  )
}
