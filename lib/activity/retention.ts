// Activity is a log for people and is forgotten after some days (ACTIVITY_RETENTION_DAYS).
import type { Context } from '../config/context.ts'
import { asc, inArray, lt } from 'drizzle-orm'
import { activities } from '../../drizzle/schema/index.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'

/** Deletes what is older than it is kept, the oldest first. What is left over waits for the next time. */
export async function deleteExpiredActivity({ config, db, now }: Context): Promise<void> {
  const before = new Date(now().getTime() - config.activity.retentionDays * 86_400_000)
  await deleteInBatches((limit) => {
    const old = db
      .select({ id: activities.id })
      .from(activities)
      .where(lt(activities.createdAt, before))
      .orderBy(asc(activities.createdAt))
      .limit(limit)
      .for('update', { skipLocked: true })
    return db.delete(activities).where(inArray(activities.id, old)).returning({ id: activities.id })
  })
}
