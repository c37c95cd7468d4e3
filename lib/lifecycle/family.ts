// Workspaces form trees. Walks up and down are bounded, and end even on a cycle.
import type { Store } from '../platform/context.ts'
import { and, eq, ne, type Placeholder, type SQL, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { DomainError, invalidField } from '../platform/errors.ts'

/** The most generations of a tree: as far as Molecule's access rule walks (docs/facts/molecule.md §2.6). */
export const MAX_DEPTH = 32

/**
 * A workspace and all its descendants, as a subquery of ids. `union` rather than `union all`: it ends even on a
 * cycle.
 */
export const familyOf = (id: string): SQL => sql`with recursive family(id) as (
  select ${id}::uuid union select child.id from ${workspaces} child join family on child.parent_id = family.id
) select id from family`

/**
 * Whether a parent is not removed: a condition of every statement that stores it. Such a statement and a removal of the parent wait
 * for each other, so one of them sees the other's result.
 */
export const isLivingParent = (id: string | SQL | Placeholder): SQL =>
  sql`exists (select from ${workspaces} parent where parent.id = ${id}::uuid and parent.status <> 'removed' for share)`

/**
 * @throws DomainError `invalid_input` when the parent does not exist, is a descendant, or the tree would grow too
 * deep
 */
export async function checkParent({ db }: Store, id: string, parentId: string): Promise<void> {
  const [parent] = await db
    .select({ status: workspaces.status })
    .from(workspaces)
    .where(eq(workspaces.id, parentId))
  if (parent === undefined || parent.status === 'removed')
    throw invalidField('parent_id', 'there is no such workspace')
  const walk = sql`with recursive up(id, depth) as (
      select ${parentId}::uuid, 1
      union select parent.parent_id, up.depth + 1 from ${workspaces} parent join up on parent.id = up.id
      where parent.parent_id is not null and up.depth <= ${MAX_DEPTH}
    ), down(id, depth) as (
      select ${id}::uuid, 1
      union select child.id, down.depth + 1 from ${workspaces} child join down on child.parent_id = down.id
      where down.depth <= ${MAX_DEPTH}
    ) select (select max(depth) from up) as above, (select max(depth) from down) as below,
             exists (select from up where up.id = ${id}::uuid) as cycle`
  const [tree] = await db
    .select({ above: sql<number>`above`, below: sql<number>`below`, cycle: sql<boolean>`cycle` })
    .from(sql`(${walk}) as tree`)
  if (tree?.cycle === true)
    throw invalidField('parent_id', 'is the workspace itself or one of its descendants')
  if ((tree?.above ?? 0) + (tree?.below ?? 0) > MAX_DEPTH) {
    throw invalidField('parent_id', `the tree would be deeper than ${MAX_DEPTH} generations`)
  }
}

/** @throws DomainError `conflict` when an ancestor that is paused keeps this workspace paused */
export async function checkParentAwake({ db }: Store, parentId: string | null): Promise<void> {
  if (parentId === null) return
  const [paused] = await db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.id, parentId), eq(workspaces.status, 'paused')))
  if (paused !== undefined) {
    throw new DomainError('conflict', 'its parent is paused: resume the parent first', {
      details: { parent_id: parentId },
    })
  }
}

/** Children that are not removed, a hundred at most. */
export const listChildren = ({ db }: Store, id: string) =>
  db
    .select({ id: workspaces.id, name: workspaces.name })
    .from(workspaces)
    .where(and(eq(workspaces.parentId, id), ne(workspaces.status, 'removed')))
    .limit(100)
