// DELETE /workspaces/:id: marks a workspace and its descendants removed and ends their tokens, in one statement. Removed
// is wanted first and confirmed later: the rows stay due until the provider says that their machines are gone.
import { and, eq, inArray, ne, sql } from 'drizzle-orm'
import { workspaces, workspaceTokens } from '../../drizzle/schema.ts'
import { DomainError } from '../errors.ts'
import type { Services } from '../services.ts'
import { sourcesOf } from './lifecycle.ts'
import { getWorkspace } from './queries.ts'
import { appendEvents } from './transition.ts'

export type Removal = {
  /** Every workspace that this call removed, the one that was named first. */
  removed: string[]
}

/**
 * Legal from every status; removing what is removed changes nothing.
 * @throws DomainError `not_found`; `confirmation_required` when there are children and `confirm` is false
 */
export async function removeWorkspace(services: Services, id: string, confirm: boolean): Promise<Removal> {
  const { db } = services
  const now = services.now()
  await getWorkspace(db, id)
  if (!confirm) await refuseWithChildren(services, id)

  // `union` rather than `union all`: it ends even if the tree should ever hold a cycle.
  const family = sql`with recursive family(id) as (
    select ${id}::uuid union select child.id from ${workspaces} child join family on child.parent_id = family.id
  ) select id from family`
  const removed = db.$with('removed').as(
    db
      .update(workspaces)
      .set({ status: 'removed', removedAt: now, nextCheckAt: now, deadlineAt: null, updatedAt: now })
      .where(and(sql`${workspaces.id} in (${family})`, inArray(workspaces.status, sourcesOf('removed'))))
      .returning(),
  )
  const revoked = db.$with('revoked', { hash: workspaceTokens.hash }).as(
    sql`update ${workspaceTokens} set revoked_at = ${now.toISOString()}::timestamptz
        where revoked_at is null and workspace_id in (select id from removed) returning hash`,
  )
  const logged = appendEvents(db, 'removed', { event: 'removed', now })
  const rows = await db.with(removed, revoked, logged).select({ id: removed.id }).from(removed)
  const ids = rows.map((row) => row.id)
  return { removed: ids.includes(id) ? [id, ...ids.filter((other) => other !== id)] : ids }
}

async function refuseWithChildren({ db }: Services, id: string): Promise<void> {
  const children = await db
    .select({ id: workspaces.id, name: workspaces.name })
    .from(workspaces)
    .where(and(eq(workspaces.parentId, id), ne(workspaces.status, 'removed')))
    .limit(100)
  if (children.length === 0) return
  throw new DomainError(
    'confirmation_required',
    'this workspace has children: repeat with ?confirm=true to remove them too',
    {
      details: { status: 'confirmation_required', children, children_count: children.length },
    },
  )
}
