// Delegations are forgotten with the activity of their time (ACTIVITY_RETENTION_DAYS), but none whose message is on its way.
import type { Context } from '../config/context.ts'
import { and, eq, inArray, isNull, lt, notExists, sql } from 'drizzle-orm'
import { delegations, messages } from '../../drizzle/schema/index.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'

/** Deletes what is older than it is kept. What has just ended stays, so that its source is told. */
export async function deleteExpiredDelegations({ config, db, now }: Context): Promise<void> {
  const before = new Date(now().getTime() - config.activity.retentionDays * 86_400_000)
  const open = db
    .select({ id: messages.id })
    .from(messages)
    .where(and(eq(messages.id, delegations.message), isNull(messages.finishedAt)))
  await deleteInBatches((limit) => {
    const old = db
      .select({ sourceId: delegations.sourceId, id: delegations.id })
      .from(delegations)
      .where(and(lt(delegations.createdAt, before), lt(delegations.updatedAt, before), notExists(open)))
      .limit(limit)
      .for('update', { skipLocked: true })
    return db
      .delete(delegations)
      .where(inArray(sql`(${delegations.sourceId}, ${delegations.id})`, old))
      .returning({ id: delegations.id })
  })
}
