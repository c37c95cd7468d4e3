// POST /workspaces/:id/restart: requests a new generation, in any status but `removed`. The reconcile that follows
// gives the machine its newest spec and boots it, or creates a machine where there is none.
import type { Context } from '../config/context.ts'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Config } from '../config/config.ts'
import { provisionDeadline } from '../lifecycle/deadline.ts'
import { checkParentAwake } from '../lifecycle/family.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import { transition } from '../lifecycle/transition.ts'
import { statusConflict } from './verb-errors.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { imageOf } from './workspace-input.ts'

/** The optional body: another image, or null for the runtime's. Molecule's own members are ignored. */
export const RestartInput = z.object({ image: z.string().max(512).nullish() })

/** What every restart writes beside the status. */
export const restartChanges = (config: Config, runtime: string, now: Date) => ({
  generation: sql`${workspaces.generation} + 1`,
  reason: null,
  registeredAt: null,
  lastHeartbeatAt: null,
  recoveries: 0,
  attempts: 0,
  deadlineAt: provisionDeadline(config, runtime, now),
  nextCheckAt: now,
})

/**
 * @throws DomainError `not_found`; `conflict` when the workspace is removed or its parent is paused; `invalid_input`
 */
export async function restartWorkspace(
  services: Context,
  id: string,
  input: z.infer<typeof RestartInput> = {},
): Promise<Workspace> {
  const { config, db } = services
  const now = services.now()
  const row = await getWorkspace(db, id)
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
      ...restartChanges(config, row.runtime, now),
    },
    payload: 'image' in rebuilt ? { image: rebuilt.image } : {},
  })
  if (moved === undefined) throw await statusConflict(services, id, 'restarted')
  return moved
}
