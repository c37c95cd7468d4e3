// Deletes which workspaces a finished rollout reached, after AUDIT_RETENTION_DAYS. The rollout itself is kept, and so
// is one that can still be rolled back.
import type { Context } from '../config/context.ts'
import { sql } from 'drizzle-orm'
import { rollouts, rolloutWorkspaces, runtimeDefaults } from '../../drizzle/schema/index.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'

export async function deleteExpiredRollouts({ config, db, now }: Context): Promise<void> {
  const before = new Date(now().getTime() - config.auditRetentionDays * 86_400_000).toISOString()
  await deleteInBatches((limit) => {
    const old = sql`select member.rollout_id, member.workspace_id from ${rolloutWorkspaces} member
      join ${rollouts} on ${rollouts.id} = member.rollout_id
      where ${rollouts.finishedAt} < ${before}::timestamptz
        and not exists (select from ${runtimeDefaults} where ${runtimeDefaults.rolloutId} = ${rollouts.id}) limit ${limit}`
    return db
      .delete(rolloutWorkspaces)
      .where(sql`(${rolloutWorkspaces.rolloutId}, ${rolloutWorkspaces.workspaceId}) in (${old})`)
      .returning({ id: rolloutWorkspaces.workspaceId })
  })
}
