// DELETE /workspaces/:id: marks a workspace and its descendants removed, and ends their tokens, secrets and hooks, in
// one statement. The rows stay due until the provider confirms that their machines are gone.
import type { Core, Store } from '../platform/context.ts'
import { sql } from 'drizzle-orm'
import { hooks, secrets, workspaceFiles, workspaceTokens } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { listChildren } from '../lifecycle/family.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import { transitionFamily } from '../lifecycle/transition-family.ts'

/**
 * Allowed in every status; removing a removed workspace changes nothing.
 * @returns the ids of every workspace that this call removed, the one that was named first
 * @throws DomainError `not_found`; `confirmation_required` when there are children and `confirm` is false
 */
export async function removeWorkspace(services: Core, id: string, confirm: boolean): Promise<string[]> {
  const now = services.now()
  await getWorkspace(services.db, id)
  if (!confirm) await refuseWithChildren(services, id)
  return transitionFamily(services, {
    id,
    event: 'removed',
    now,
    changes: { removedAt: now, nextCheckAt: now, deadlineAt: null },
    also: [
      sql`update ${workspaceTokens} set revoked_at = ${now.toISOString()}::timestamptz
          where revoked_at is null and workspace_id in (select id from moved) returning hash`,
      sql`delete from ${secrets} where workspace_id in (select id from moved) returning id`,
      sql`delete from ${workspaceFiles} where workspace_id in (select id from moved) returning path`,
      sql`delete from ${hooks} where workspace_id in (select id from moved) returning id`,
    ],
  })
}

async function refuseWithChildren(services: Store, id: string): Promise<void> {
  const children = await listChildren(services, id)
  if (children.length === 0) return
  throw new DomainError(
    'confirmation_required',
    'this workspace has children: repeat with ?confirm=true to remove them too',
    { details: { status: 'confirmation_required', children, children_count: children.length } },
  )
}
