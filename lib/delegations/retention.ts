// Deletes delegations after ACTIVITY_RETENTION_DAYS, like activity, except those whose message is not finished.
import { and, eq, inArray, isNull, lt, notExists, sql } from 'drizzle-orm'
import { delegations, messages } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'

/** A delegation that has just ended is kept, so that its source can read the result. */
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
