// The error of a command that is not allowed in a workspace's status.
import type { Store } from '../platform/context.ts'
import { DomainError } from '../platform/errors.ts'
import { getWorkspace } from '../lifecycle/queries.ts'

/** A `conflict` that names the status as it is now. @throws DomainError `not_found` */
export async function statusConflict(services: Store, id: string, done: string): Promise<DomainError> {
  const { status } = await getWorkspace(services.db, id)
  return new DomainError('conflict', `a workspace that is ${status} cannot be ${done}`, {
    details: { workspace_status: status },
  })
}
