// Which workspaces a rollout is about, as conditions of a statement: those that run the image of their runtime, whether they
// have time, and which of them it has reached.
import type { RolloutContext } from './context.ts'
import { type SQL, sql } from 'drizzle-orm'
import { messages, rollouts, rolloutWorkspaces, workspaces } from '../../drizzle/schema/index.ts'
import { hasAnotherImage } from '../lifecycle/wanted-image.ts'
import type { Rollout } from './rollout.ts'

/** Its agent says that it works, somebody's stored message waits for it, or a request to it goes through this process. */
export function isBusy({ limits }: RolloutContext): SQL {
  const asked = limits.busyWorkspaces()
  return sql`(${workspaces.activeTasks} > 0 or ${asked.length === 0 ? sql`false` : sql`${workspaces.id} in ${asked}`}
    or exists (select from ${messages}
      where ${messages.workspaceId} = ${workspaces.id} and ${messages.state} in ('queued', 'sending')))`
}

/** Whether a runtime's image is what a workspace runs, and it is not this one yet. */
export const runsAnother = (runtime: string, image: string): SQL =>
  sql`(${workspaces.runtime} = ${runtime} and ${workspaces.image} is null and ${hasAnotherImage(image)})`

/** The rollout's row of a workspace, in one of these states. */
export const isMember = (
  { id }: Rollout,
  ...states: (typeof rolloutWorkspaces.$inferSelect)['state'][]
): SQL =>
  sql`exists (select from ${rolloutWorkspaces} where ${rolloutWorkspaces.rolloutId} = ${id}
    and ${rolloutWorkspaces.workspaceId} = ${workspaces.id} and ${rolloutWorkspaces.state} in ${states})`

/** Ready to be given the image, but for its work. Those that sleep are left alone. */
export const isCandidate = (rollout: Rollout): SQL => sql`(${runsAnother(rollout.runtime, rollout.image)}
  and ${workspaces.status} in ('ready', 'degraded')
  and not ${isMember(rollout, 'updating', 'ready', 'failed')}
  and ${rollout.only === null ? sql`true` : sql`${workspaces.id} in ${rollout.only}`})`

/**
 * To be given the image before: whatever runs, or was given up, and would not be held back by its parent. Also those that came by
 * the image otherwise, once it was the runtime's.
 */
export const isToRestore = (
  rollout: Rollout,
): SQL => sql`(${workspaces.runtime} = ${rollout.runtime} and ${workspaces.image} is null
  and (${isMember(rollout, 'updating', 'ready', 'failed')} or (not ${hasAnotherImage(rollout.image)}
    and not ${isMember(rollout, 'restoring', 'restored', 'left')}))
  and ${workspaces.status} in ('provisioning', 'ready', 'degraded', 'offline', 'failed')
  and not exists (select from ${workspaces} as parent where parent.id = ${workspaces.parentId} and parent.status = 'paused'))`

/** Whether the rollout is still ours to carry on: nobody halted it, and our lease has not passed to somebody else. */
export const isOurs = ({ id, leaseId, state }: Rollout): SQL => sql`exists (select from ${rollouts}
  where ${rollouts.id} = ${id} and ${rollouts.leaseId} = ${leaseId} and ${rollouts.state} = ${state})`
