// POST /workspaces/:id/restore: the workspace gets a new disk from a snapshot, and restarts with it. The disk before is
// kept for a while, because its data is newer.
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { workspaces } from '../../drizzle/schema/index.ts'
import { replacementParts } from '../disks/replace-disk.ts'
import { findSnapshot, sourceOf } from '../disks/snapshots.ts'
import { checkParentAwake } from '../lifecycle/family.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import { transition } from '../lifecycle/transition.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import { refuseWithoutMachine } from './external.ts'
import { restartChanges } from './restart.ts'
import { statusConflict } from './status-conflict.ts'

export const RestoreInput = z.object({
  snapshot: z.string().max(255),
})

/**
 * @throws DomainError `not_found`; `invalid_input` for a snapshot that is unknown or of another workspace; `conflict`
 *   for a workspace that is removed or has no disk, and a snapshot that is not usable yet; `unavailable`
 */
export async function restoreWorkspace(
  services: ReconcileContext,
  id: string,
  input: z.infer<typeof RestoreInput>,
): Promise<Workspace> {
  const { config } = services
  const row = await getWorkspace(services.db, id)
  refuseWithoutMachine(row, 'restored')
  await checkParentAwake(services, row.parentId)
  if (row.disk === null)
    throw new DomainError(
      'conflict',
      'the workspace has no disk: POST /workspaces with `from` makes a workspace from the snapshot',
    )
  const found = await findSnapshot(services, input.snapshot, 'snapshot')
  if (found.disk.madeFor !== id) {
    throw invalidField(
      'snapshot',
      'is of another workspace: POST /workspaces with `from` makes a new one of it',
    )
  }
  const { newId, withs } = replacementParts(services, row.disk, id, {
    source: sourceOf(found),
    region: null,
    sizeGb: found.disk.sizeGb,
    cause: 'restored',
    dataFrom: found.snapshot.createdAt,
  })
  const now = services.now()
  const moved = await transition(services, {
    id,
    event: 'restart_requested',
    now,
    changes: { diskId: newId, ...restartChanges(config, row.runtime, now) },
    where: eq(workspaces.diskId, row.disk.id),
    withs,
  })
  if (moved === undefined) throw await statusConflict(services, id, 'restored')
  return getWorkspace(services.db, id)
}
