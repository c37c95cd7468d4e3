// Carries out one decided step of a rollout: a change of its row, or restarts of workspaces, which then go the road of every
// restart. Each is one statement that does nothing once the rollout is somebody else's or was halted.
import type { RolloutContext } from './context.ts'
import { type SQL, sql } from 'drizzle-orm'
import { rollouts, rolloutWorkspaces, workspaces } from '../../drizzle/schema/index.ts'
import { restartChanges } from '../workspaces/restart.ts'
import { transitionMany } from '../lifecycle/transition-many.ts'
import { changeRollout } from './change-rollout.ts'
import { completeRollout } from './complete-rollout.ts'
import type { RolloutStep } from './decide-rollout.ts'
import { isBusy, isCandidate, isMember, isOurs, isToRestore } from './selectors.ts'
import { withRollout, type Rollout } from './rollout.ts'

/** @returns the ids of workspaces that were restarted */
export async function executeStep(
  own: RolloutContext,
  rollout: Rollout,
  step: Exclude<RolloutStep, { do: 'wait' }>,
): Promise<string[]> {
  const services = withRollout(own, rollout.id)
  const now = services.now()
  const change = {
    id: rollout.id,
    from: [rollout.state],
    where: sql`${rollouts.leaseId} = ${rollout.leaseId}`,
  }
  switch (step.do) {
    case 'begin':
      return restart(services, rollout, isCandidate(rollout), step, 'updating')
    case 'restore':
      return restart(services, rollout, isToRestore(rollout), step, 'restoring')
    case 'watch':
      await changeRollout(services, {
        ...change,
        changes: { watchingSince: now, image: withDigest(rollout) },
      })
      return []
    case 'advance':
      await changeRollout(services, {
        ...change,
        changes: { tranche: rollout.tranche + 1, trancheSince: now, watchingSince: null },
        event: 'rollout_advanced',
      })
      return []
    case 'halt':
      await changeRollout(services, {
        ...change,
        changes: { state: 'halted', reason: step.reason },
        event: 'rollout_halted',
      })
      return []
    case 'roll_back':
      await changeRollout(services, {
        ...change,
        changes: { state: 'rolling_back', reason: step.reason, trancheSince: now },
        event: 'rollout_halted',
      })
      return []
    case 'end_rollback':
      await changeRollout(services, {
        ...change,
        changes: { state: 'rolled_back', finishedAt: now },
        event: 'rollout_rolled_back',
      })
      return []
    case 'complete':
      return completeRollout(services, rollout)
  }
}

/** Restarts some of those that a condition names, and notes that the rollout has reached them. */
async function restart(
  services: RolloutContext,
  rollout: Rollout,
  condition: SQL,
  { busyToo, count }: { busyToo: boolean; count: number },
  state: 'updating' | 'restoring',
): Promise<string[]> {
  const now = services.now()
  const whom = busyToo ? condition : sql`${condition} and not ${isBusy(services)}`
  return transitionMany(services, {
    ids: sql`select ${workspaces.id} from ${workspaces} where ${whom} and ${isOurs(rollout)}
      order by ${workspaces.status} = 'ready' desc, ${workspaces.createdAt}, ${workspaces.id} limit ${count}
      for update of ${workspaces} skip locked`,
    where: whom,
    event: 'restart_requested',
    now,
    changes: restartChanges(services.config, rollout.runtime, now),
    also: [
      sql`insert into ${rolloutWorkspaces} (rollout_id, workspace_id, tranche, state, started_at)
        select ${rollout.id}::uuid, id, ${rollout.tranche}::int, ${state}, ${now.toISOString()}::timestamptz from moved
        on conflict (rollout_id, workspace_id) do update set state = excluded.state, started_at = excluded.started_at, reason = null`,
    ],
  })
}

/**
 * The digest that the backend found for an image that was asked for by a tag: whoever comes later gets the very same, also where
 * the tag has moved on.
 */
const withDigest = (rollout: Rollout): SQL | string =>
  rollout.image.includes('@')
    ? rollout.image
    : sql`coalesce((select ${workspaces.machineImage} from ${workspaces}
        where ${isMember(rollout, 'ready')} and ${workspaces.machineImage} like '%@%' limit 1), ${rollouts.image})`
