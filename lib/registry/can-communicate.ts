// Which workspaces may communicate, decided by the workspace tree (docs/facts/molecule.md §2.6, CanCommunicate).
import { sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Database } from '../../drizzle/database.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import { MAX_DEPTH } from '../lifecycle/family.ts'

/**
 * Whether two workspaces may communicate: the same one, siblings, two roots, or an ancestor and its descendant. Walks
 * at most {@link MAX_DEPTH} steps, so it ends on cycles. False for a workspace that is unknown or removed.
 */
export async function canCommunicate(db: Database, callerId: string, targetId: string): Promise<boolean> {
  const [caller, target] = [alias(workspaces, 'caller'), alias(workspaces, 'target')]
  const up = sql`with recursive up(start, id, steps) as (
      select id, parent_id, 1 from ${workspaces} where id in (${callerId}::uuid, ${targetId}::uuid) and parent_id is not null
      union select up.start, parent.parent_id, up.steps + 1 from ${workspaces} parent join up on parent.id = up.id
      where parent.parent_id is not null and up.steps < ${MAX_DEPTH}
    ) select start, id from up`
  const [pair] = await db
    .select({
      allowed: sql<boolean>`${caller.parentId} is not distinct from ${target.parentId}
        or exists (select from (${up}) as above where start = ${caller.id} and id = ${target.id}
                                                   or start = ${target.id} and id = ${caller.id})`,
    })
    .from(caller)
    .innerJoin(
      target,
      sql`${caller.id} = ${callerId}::uuid and ${target.id} = ${targetId}::uuid
        and ${caller.status} <> 'removed' and ${target.status} <> 'removed'`,
    )
  return pair?.allowed === true
}
