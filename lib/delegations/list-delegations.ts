// The delegations of a workspace and their results. Agents read them after every heartbeat (docs/facts/molecule.md
// §1.5).
import { desc, eq, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { delegations } from '../../drizzle/schema/index.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import { SUMMARY_LENGTH } from './task.ts'

const columns = {
  id: delegations.id,
  sourceId: delegations.sourceId,
  targetId: delegations.targetId,
  summary: sql<string>`left(${delegations.task}, ${SUMMARY_LENGTH})`,
  status: delegations.status,
  error: delegations.error,
  responsePreview: delegations.responsePreview,
  createdAt: delegations.createdAt,
}

/**
 * The newest first.
 * @throws DomainError `not_found`
 */
export async function listDelegations(db: Database, sourceId: string, limit: number) {
  const rows = await db
    .select(columns)
    .from(delegations)
    .where(eq(delegations.sourceId, sourceId))
    .orderBy(desc(delegations.createdAt), desc(delegations.id))
    .limit(limit)
  if (rows.length === 0) await getWorkspace(db, sourceId)
  return rows
}

export type ListedDelegation = Awaited<ReturnType<typeof listDelegations>>[number]
