// A limit that all replicas keep together, for what costs money: one statement takes a place or finds that there is none, by the
// generic cell rate algorithm.
import type { Store } from './context.ts'
import { lt, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { rateLimits } from '../../drizzle/schema/index.ts'

const HOUR_MS = 3_600_000

/**
 * @param key whose limit, and of what
 * @param perHour may come at once, and then evenly
 * @returns seconds until there is a place, where there is none now
 */
export async function consumeQuota(
  db: Database,
  key: string,
  perHour: number,
  now: Date,
): Promise<number | undefined> {
  const everyMs = HOUR_MS / perHour
  const at = (ms: number) => sql`${new Date(now.getTime() + ms).toISOString()}::timestamptz`
  const next = sql`greatest(${rateLimits.nextAt}, ${at(0)}) + ${`${everyMs} milliseconds`}::interval`
  const taken = await db
    .insert(rateLimits)
    .values({ key, nextAt: new Date(now.getTime() + everyMs) })
    .onConflictDoUpdate({
      target: rateLimits.key,
      set: { nextAt: next },
      setWhere: sql`${next} <= ${at(HOUR_MS)}`,
    })
    .returning({ key: rateLimits.key })
  return taken.length > 0 ? undefined : Math.ceil(everyMs / 1000)
}

/** Limits that nobody is near any more. */
export async function deleteExpiredQuotas({ db, now }: Store): Promise<void> {
  await db.delete(rateLimits).where(lt(rateLimits.nextAt, now()))
}
