// The peers of a workspace: its siblings, its children and its parent (docs/facts/molecule.md §2.6).
import { and, asc, eq, inArray, ne, or, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import type { Workspace } from '../lifecycle/workspace.ts'

/** Most peers in an answer: all roots are siblings. */
const MAX_PEERS = 1_000

const columns = {
  id: workspaces.id,
  name: workspaces.name,
  role: workspaces.role,
  runtime: workspaces.runtime,
  tier: workspaces.tier,
  status: workspaces.status,
  agentCard: workspaces.agentCard,
  parentId: workspaces.parentId,
  activeTasks: workspaces.activeTasks,
}

export type Peer = Pick<Workspace, keyof typeof columns>

/**
 * Peers that are not removed, the oldest first.
 * @param search a part of the name, the role or the card's description; upper and lower case are equal
 * @param only the workspaces that the caller may see; undefined for all
 * @throws DomainError `not_found`, also for a workspace that is removed
 */
export async function listPeers(
  db: Database,
  id: string,
  search: string,
  only?: readonly string[],
): Promise<Peer[]> {
  const self = await getLivingWorkspace(db, id)
  const sibling = sql`${workspaces.parentId} is not distinct from ${self.parentId}::uuid`
  const described = sql`concat_ws(' ', ${workspaces.name}, ${workspaces.role}, ${workspaces.agentCard}->>'description')`
  return db
    .select(columns)
    .from(workspaces)
    .where(
      and(
        ne(workspaces.status, 'removed'),
        ne(workspaces.id, id),
        or(
          sibling,
          eq(workspaces.parentId, id),
          self.parentId === null ? undefined : eq(workspaces.id, self.parentId),
        ),
        only === undefined ? undefined : inArray(workspaces.id, [...only]),
        search === '' ? undefined : sql`strpos(lower(${described}), lower(${search})) > 0`,
      ),
    )
    .orderBy(asc(workspaces.createdAt), asc(workspaces.id))
    .limit(MAX_PEERS)
}
