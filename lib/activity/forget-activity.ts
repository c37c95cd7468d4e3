// Activity is a log for people and is forgotten after some days (ACTIVITY_RETENTION_DAYS).
import { asc, inArray, lt } from 'drizzle-orm'
import { activities } from '../../drizzle/schema.ts'
import { forgetInBatches } from '../forget-in-batches.ts'
import type { Services } from '../services.ts'

/** Deletes what is older than it is kept, the oldest first. What is left over waits for the next time. */
export async function forgetActivity({ config, db, now }: Services): Promise<void> {
  const before = new Date(now().getTime() - config.activity.retentionDays * 86_400_000)
  await forgetInBatches((limit) => {
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
