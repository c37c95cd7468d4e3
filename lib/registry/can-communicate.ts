// Which workspaces may communicate, decided by the workspace tree (docs/facts/molecule.md §2.6, CanCommunicate).
import { sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import { MAX_DEPTH } from '../lifecycle/family.ts'

type Pair = { callerId: string; targetId: string }

const pairStatement = prepared((db, valueOf: ValueOf<Pair>) => {
  const [callerId, targetId] = [sql`${valueOf('callerId')}::uuid`, sql`${valueOf('targetId')}::uuid`]
  const [caller, target] = [alias(workspaces, 'caller'), alias(workspaces, 'target')]
  const up = sql`with recursive up(start, id, steps) as (
      select id, parent_id, 1 from ${workspaces} where id in (${callerId}, ${targetId}) and parent_id is not null
      union select up.start, parent.parent_id, up.steps + 1 from ${workspaces} parent join up on parent.id = up.id
      where parent.parent_id is not null and up.steps < ${MAX_DEPTH}
    ) select start, id from up`
  return db
    .select({
      allowed: sql<boolean>`${caller.parentId} is not distinct from ${target.parentId}
        or exists (select from (${up}) as above where start = ${caller.id} and id = ${target.id}
                                                   or start = ${target.id} and id = ${caller.id})`,
    })
    .from(caller)
    .innerJoin(
      target,
      sql`${caller.id} = ${callerId} and ${target.id} = ${targetId}
        and ${caller.status} <> 'removed' and ${target.status} <> 'removed'`,
    )
})

/**
 * Whether two workspaces may communicate: the same one, siblings, two roots, or an ancestor and its descendant. Walks
 * at most {@link MAX_DEPTH} steps, so it ends on cycles. False for a workspace that is unknown or removed.
 */
export async function canCommunicate(db: Database, callerId: string, targetId: string): Promise<boolean> {
  const [pair] = await pairStatement(db, { callerId, targetId })
  return pair?.allowed === true
}
