// Pausing stops the machines of a workspace and its descendants; resuming starts them again. Both only store the
// desired state.
import { sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'
import type { Core } from '../platform/context.ts'
import { provisionDeadline } from '../lifecycle/deadline.ts'
import { checkParentAwake } from '../lifecycle/family.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import { EXTERNAL_RUNTIME } from '../machines/runtimes.ts'
import { transitionFamily } from '../lifecycle/transition-family.ts'
import { wakeWorkspace } from '../lifecycle/wake.ts'
import { statusConflict } from './status-conflict.ts'
import { generationAtStart } from '../lifecycle/wanted-image.ts'

/**
 * @returns the ids that were paused, the named one first
 * @throws DomainError `not_found`; `conflict` when the workspace is paused already, failed or removed
 */
export async function pauseWorkspace(services: Core, id: string): Promise<string[]> {
  const now = services.now()
  await getWorkspace(services.db, id)
  const moved = await transitionFamily(services, {
    id,
    event: 'pause_requested',
    now,
    changes: { nextCheckAt: now, deadlineAt: null, reason: null },
  })
  if (moved[0] !== id) throw await statusConflict(services, id, 'paused')
  return moved
}

/**
 * Ends a pause, with that of the descendants. A hibernated workspace is woken, without its descendants.
 * @returns the ids that were resumed, the named one first
 * @throws DomainError `not_found`; `conflict` when the workspace is neither paused nor hibernated, or its parent is
 *   paused
 */
export async function resumeWorkspace(services: Context, id: string): Promise<string[]> {
  const now = services.now()
  const row = await getWorkspace(services.db, id)
  await checkParentAwake(services, row.parentId)
  if ((await wakeWorkspace(services, row)) !== undefined) return [id]
  const deadline = provisionDeadline(services.config, row.runtime, now).toISOString()
  const moved = await transitionFamily(services, {
    id,
    event: 'resume_requested',
    now,
    changes: {
      nextCheckAt: now,
      generation: generationAtStart,
      // An external workspace waits for its agent, however long that takes.
      deadlineAt: sql`case when ${workspaces.runtime} <> ${EXTERNAL_RUNTIME} then ${deadline}::timestamptz end`,
      registeredAt: null,
      lastHeartbeatAt: null,
      recoveries: 0,
    },
  })
  if (moved[0] !== id) throw await statusConflict(services, id, 'resumed')
  return moved
}
