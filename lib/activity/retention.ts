// Deletes activity after ACTIVITY_RETENTION_DAYS: it is a log for people.
import { asc, inArray, lt } from 'drizzle-orm'
import { activities } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'

/** Deletes the oldest first. What one run does not delete, the next one does. */
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
