// Which workspaces a rollout concerns, as conditions of a statement: those that run their runtime's image, whether
// they are idle, and which of them it has reached.
import type { RolloutContext } from './context.ts'
import { type SQL, sql } from 'drizzle-orm'
import { messages, rollouts, rolloutWorkspaces, workspaces } from '../../drizzle/schema/index.ts'
import { isMarked } from '../lifecycle/in-flight.ts'
import { reportsTasks } from '../lifecycle/reported-tasks.ts'
import { hasAnotherImage } from '../lifecycle/wanted-image.ts'
import type { Rollout } from './rollout.ts'

/** Its agent reports tasks, a stored message waits for it, or a request to it is in flight. */
export function isBusy({ config, limits, now }: RolloutContext): SQL {
  const asked = limits.busyWorkspaces()
  return sql`(${reportsTasks(config, now())} or ${isMarked}
    or ${asked.length === 0 ? sql`false` : sql`${workspaces.id} in ${asked}`}
    or exists (select from ${messages}
      where ${messages.workspaceId} = ${workspaces.id} and ${messages.state} in ('queued', 'sending')))`
}

/** Whether a workspace runs its runtime's image, and it is not this one yet. */
export const runsAnother = (runtime: string, image: string): SQL =>
  sql`(${workspaces.runtime} = ${runtime} and ${workspaces.image} is null and ${hasAnotherImage(image)})`

/** The rollout's row of a workspace, in one of these states. */
export const isMember = (
  { id }: Rollout,
  ...states: (typeof rolloutWorkspaces.$inferSelect)['state'][]
): SQL =>
  sql`exists (select from ${rolloutWorkspaces} where ${rolloutWorkspaces.rolloutId} = ${id}
    and ${rolloutWorkspaces.workspaceId} = ${workspaces.id} and ${rolloutWorkspaces.state} in ${states})`

/** Can be given the image, unless it is at work. Sleeping workspaces are left alone. */
export const isCandidate = (rollout: Rollout): SQL => sql`(${runsAnother(rollout.runtime, rollout.image)}
  and ${workspaces.status} in ('ready', 'degraded')
  and not ${isMember(rollout, 'updating', 'ready', 'failed')}
  and ${rollout.only === null ? sql`true` : sql`${workspaces.id} in ${rollout.only}`})`

/**
 * To be returned to the earlier image: running or failed workspaces whose parent is not paused. Also those that got
 * the image otherwise, once it was the runtime's.
 */
export const isToRestore = (
  rollout: Rollout,
): SQL => sql`(${workspaces.runtime} = ${rollout.runtime} and ${workspaces.image} is null
  and (${isMember(rollout, 'updating', 'ready', 'failed')} or (not ${hasAnotherImage(rollout.image)}
    and not ${isMember(rollout, 'restoring', 'restored', 'left')}))
  and ${workspaces.status} in ('provisioning', 'ready', 'degraded', 'offline', 'failed')
  and not exists (select from ${workspaces} as parent where parent.id = ${workspaces.parentId} and parent.status = 'paused'))`

/** Whether the rollout may still be continued: it was not halted, and this process holds its lease. */
export const isOurs = ({ id, leaseId, state }: Rollout): SQL => sql`exists (select from ${rollouts}
  where ${rollouts.id} = ${id} and ${rollouts.leaseId} = ${leaseId} and ${rollouts.state} = ${state})`
