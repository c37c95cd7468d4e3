// A rate limit that all replicas share, for requests that cost money: the generic cell rate algorithm in one
// statement. Limits that one process may count by itself are in rate-limit.ts.
import { lt, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { rateLimits } from '../../drizzle/schema/index.ts'
import type { Store } from './context.ts'

const HOUR_MS = 3_600_000

/**
 * Consumes one request of a quota.
 *
 * @param key the caller and what is limited
 * @param perHour requests per hour, which is also the burst
 * @returns undefined when the request is allowed; otherwise the seconds until the next one is
 */
export async function consumeQuota(
  db: Database,
  key: string,
  perHour: number,
  now: Date,
): Promise<number | undefined> {
  const intervalMs = HOUR_MS / perHour
  const at = (ms: number) => sql`${new Date(now.getTime() + ms).toISOString()}::timestamptz`
  const next = sql`greatest(${rateLimits.nextAt}, ${at(0)}) + ${`${intervalMs} milliseconds`}::interval`
  const allowed = await db
    .insert(rateLimits)
    .values({ key, nextAt: new Date(now.getTime() + intervalMs) })
    .onConflictDoUpdate({
      target: rateLimits.key,
      set: { nextAt: next },
      setWhere: sql`${next} <= ${at(HOUR_MS)}`,
    })
    .returning({ key: rateLimits.key })
  return allowed.length > 0 ? undefined : Math.ceil(intervalMs / 1000)
}

/** Deletes the state of quotas that are unused again. */
export async function deleteExpiredQuotas({ db, now }: Store): Promise<void> {
  await db.delete(rateLimits).where(lt(rateLimits.nextAt, now()))
}
