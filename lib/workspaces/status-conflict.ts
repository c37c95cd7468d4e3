// The error of a command that the status of a workspace does not allow.
import { getWorkspace } from '../lifecycle/queries.ts'
import type { WorkspaceStatus } from '../lifecycle/lifecycle.ts'
import type { Store } from '../platform/context.ts'
import { DomainError } from '../platform/errors.ts'

/** What leads out of a status. The others allow every command that they do not already fulfil. */
const WAYS_OUT: Partial<Record<WorkspaceStatus, string>> = {
  provisioning: 'wait until it is ready',
  offline: 'wait until it is ready',
  failed: 'restart it first',
  paused: 'resume it first',
  removed: 'create another one',
}

/**
 * A `conflict` that names the status as it is now, and the way out.
 * @param done what the command does, as a participle: `paused`, `restarted`
 * @throws DomainError `not_found`
 */
export async function statusConflict(services: Store, id: string, done: string): Promise<DomainError> {
  const { status } = await getWorkspace(services.db, id)
  return new DomainError('conflict', sentence(status, done), { details: { workspace_status: status } })
}

function sentence(status: WorkspaceStatus, done: string): string {
  if (status === done) return `the workspace is ${status} already`
  const wayOut = WAYS_OUT[status]
  return `a workspace that is ${status} cannot be ${done}${wayOut === undefined ? '' : `: ${wayOut}`}`
}
