// The refusal of a verb that has no meaning for a workspace's status.
import { DomainError } from '../errors.ts'
import type { Services } from '../services.ts'
import { getWorkspace } from './queries.ts'

/** A `conflict` that names the status as it is now. @throws DomainError `not_found` */
export async function notPossible(services: Services, id: string, done: string): Promise<DomainError> {
  const { status } = await getWorkspace(services.db, id)
  return new DomainError('conflict', `a workspace that is ${status} cannot be ${done}`, {
    details: { workspace_status: status },
  })
}
