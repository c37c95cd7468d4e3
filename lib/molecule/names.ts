// Living workspaces by their ids and by their parent, for lists and bundles of Molecule's clients.
import { and, asc, eq, ne, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { type Workspace, workspaceColumns } from '../lifecycle/workspace.ts'
import type { Store } from '../platform/context.ts'

/** @returns the names by id; a removed workspace has none */
export async function namesOf({ db }: Store, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .select({ id: workspaces.id, name: workspaces.name })
    .from(workspaces)
    .where(
      and(sql`${workspaces.id} = any(${`{${ids.join(',')}}`}::uuid[])`, ne(workspaces.status, 'removed')),
    )
  return new Map(rows.map(({ id, name }) => [id, name]))
}

export const childrenOf = ({ db }: Store, parentId: string): Promise<Workspace[]> =>
  db
    .select(workspaceColumns)
    .from(workspaces)
    .where(and(eq(workspaces.parentId, parentId), ne(workspaces.status, 'removed')))
    .orderBy(asc(workspaces.createdAt), workspaces.id)

/** The card of a workspace; null if it has none. */
export async function findCard({ db }: Store, id: string): Promise<Record<string, unknown> | null> {
  const [row] = await db.select({ card: workspaces.agentCard }).from(workspaces).where(eq(workspaces.id, id))
  return row?.card ?? null
}
