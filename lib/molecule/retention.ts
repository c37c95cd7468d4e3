// Deletes what Molecule's clients kept and nobody can see or needs any more: records of removed workspaces, those whose time
// is over, and approvals that were decided more than ACTIVITY_RETENTION_DAYS ago. A pending approval stays.
import { and, eq, inArray, lt, lte, ne, or, sql } from 'drizzle-orm'
import { moleculeRecords, workspaces } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'

export async function deleteExpiredRecords({ config, db, now }: Context): Promise<void> {
  const at = now()
  const decidedBefore = new Date(at.getTime() - config.activity.retentionDays * 86_400_000)
  await deleteInBatches((limit) => {
    const old = db
      .select({ id: moleculeRecords.id })
      .from(moleculeRecords)
      .where(
        or(
          lte(moleculeRecords.expiresAt, at),
          and(
            eq(moleculeRecords.kind, 'approval'),
            lt(moleculeRecords.updatedAt, decidedBefore),
            ne(sql`${moleculeRecords.value} ->> 'status'`, 'pending'),
          ),
          sql`exists (select from ${workspaces}
            where ${workspaces.id} = ${moleculeRecords.workspaceId} and ${workspaces.status} = 'removed')`,
        ),
      )
      .limit(limit)
      .for('update', { skipLocked: true })
    return db
      .delete(moleculeRecords)
      .where(inArray(moleculeRecords.id, old))
      .returning({ id: moleculeRecords.id })
  })
}
