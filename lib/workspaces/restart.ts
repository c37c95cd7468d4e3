// POST /workspaces/:id/restart: requests a new generation, in any status but `removed`. The reconcile that follows
// gives the machine its newest spec and boots it, or creates a machine where there is none.
import type { Context } from '../config/context.ts'
import { inArray, sql } from 'drizzle-orm'
import { z } from 'zod'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Config } from '../config/config.ts'
import { drainEnd, provisionDeadline } from '../lifecycle/deadline.ts'
import { checkParentAwake } from '../lifecycle/family.ts'
import { TRANSITIONS } from '../lifecycle/lifecycle.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import { transition } from '../lifecycle/transition.ts'
import { refuseWithoutMachine } from './external.ts'
import { statusConflict } from './status-conflict.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { imageOf } from './workspace-input.ts'

/** The optional body: another image, or null for the runtime's. Molecule's own members are ignored. */
export const RestartInput = z.object({ image: z.string().max(512).nullish() })

const moment = (at: Date) => sql`${at.toISOString()}::timestamptz`

/**
 * What every restart writes beside the status. What the agent reported stays until the machine is updated, because it
 * says what the restart waits for.
 * @param force the restart waits for nothing
 */
export function restartChanges(config: Config, runtime: string, now: Date, force = false) {
  const deadline = (from: Date) => moment(provisionDeadline(config, runtime, from))
  const drained = drainEnd(config, now)
  // Of an agent that does not answer, nothing is waited for.
  const isAtWork = force ? sql`false` : inArray(workspaces.status, [...TRANSITIONS.hibernate_requested.from])
  return {
    generation: sql`${workspaces.generation} + 1`,
    reason: null,
    recoveries: 0,
    attempts: 0,
    drainUntil: sql`case when ${isAtWork} then ${moment(drained)} end`,
    deadlineAt: sql`case when ${isAtWork} then ${deadline(drained)} else ${deadline(now)} end`,
    nextCheckAt: now,
  }
}

/**
 * @throws DomainError `not_found`; `conflict` when the workspace is removed or has no machine, or its parent is paused;
 *   `invalid_input`
 */
export async function restartWorkspace(
  services: Context,
  id: string,
  input: z.infer<typeof RestartInput> = {},
  force = false,
): Promise<Workspace> {
  const { config, db } = services
  const now = services.now()
  const row = await getWorkspace(db, id)
  refuseWithoutMachine(row, 'restarted')
  await checkParentAwake(services, row.parentId)
  const rebuilt =
    input.image === undefined
      ? {}
      : { image: imageOf(config, input.image), specVersion: sql`${workspaces.specVersion} + 1` }
  const moved = await transition(services, {
    id,
    event: 'restart_requested',
    now,
    changes: {
      ...rebuilt,
      ...restartChanges(config, row.runtime, now, force),
    },
    payload: 'image' in rebuilt ? { image: rebuilt.image } : {},
  })
  if (moved === undefined) throw await statusConflict(services, id, 'restarted')
  return moved
}
