// Carries out one decided step of a rollout: a change of its row, or restarts of workspaces. Each is one statement
// that does nothing once another process has the lease or the rollout was halted.
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

/** Restarts some of the workspaces that a condition selects, and records that the rollout has reached them. */
async function restart(
  services: RolloutContext,
  rollout: Rollout,
  condition: SQL,
  { busyToo, count }: { busyToo: boolean; count: number },
  state: 'updating' | 'restoring',
): Promise<string[]> {
  const now = services.now()
  const selected = busyToo ? condition : sql`${condition} and not ${isBusy(services)}`
  return transitionMany(services, {
    ids: sql`select ${workspaces.id} from ${workspaces} where ${selected} and ${isOurs(rollout)}
      order by ${workspaces.status} = 'ready' desc, ${workspaces.createdAt}, ${workspaces.id} limit ${count}
      for no key update of ${workspaces} skip locked`,
    where: selected,
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
 * The digest that the provider resolved for an image that was named by a tag: later workspaces get the same image,
 * also after the tag has moved.
 */
const withDigest = (rollout: Rollout): SQL | string =>
  rollout.image.includes('@')
    ? rollout.image
    : sql`coalesce((select ${workspaces.machineImage} from ${workspaces}
        where ${isMember(rollout, 'ready')} and ${workspaces.machineImage} like '%@%' limit 1), ${rollouts.image})`
