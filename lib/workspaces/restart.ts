// POST /workspaces/:id/restart: wants a new generation, from any living status. The reconcile road gives the machine its
// newest spec and boots it, or makes a machine where there is none.
import { sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema.ts'
import { DomainError } from '../errors.ts'
import type { Services } from '../services.ts'
import { provisionDeadline } from './create.ts'
import { getWorkspace } from './queries.ts'
import type { Workspace } from './workspace.ts'
import { transition } from './transition.ts'

/** @throws DomainError `not_found`, or `conflict` when the workspace is removed */
export async function restartWorkspace(services: Services, id: string): Promise<Workspace> {
  const { config, db } = services
  const now = services.now()
  const { runtime } = await getWorkspace(db, id)
  const moved = await transition(db, {
    id,
    event: 'restart_requested',
    now,
    changes: {
      generation: sql`${workspaces.generation} + 1`,
      reason: null,
      registeredAt: null,
      recoveries: 0,
      attempts: 0,
      deadlineAt: provisionDeadline(config, runtime, now),
      nextCheckAt: now,
    },
  })
  if (moved === undefined)
    throw new DomainError('conflict', 'a removed workspace cannot be restarted', {
      details: { status: 'removed' },
    })
  return moved
}
