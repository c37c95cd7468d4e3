// A rate limit that all replicas share, for requests that cost money: the generic cell rate algorithm as a
// part of the statement that does what is limited, by the clock of the database, which they share too. Limits that one
// process may count by itself are in rate-limit.ts.
import { lt, type SQL, sql } from 'drizzle-orm'
import type { ValueOf } from '../../drizzle/prepared.ts'
import { rateLimits } from '../../drizzle/schema/index.ts'
import type { Store } from './context.ts'

const HOUR_MS = 3_600_000

/** `perHour`: requests per hour, which is also the burst; 0: not limited. */
export type Quota = {
  /** The caller and what is limited. */
  key: string
  perHour: number
}

/** `quotaMs`: in which as many requests are allowed again; null where they are not limited. */
export type QuotaValues = {
  quotaKey: string
  quotaMs: number | null
}

/** @param requests that are consumed, all or none */
export const quotaValues = ({ key, perHour }: Quota, requests: number): QuotaValues => ({
  quotaKey: key,
  quotaMs: perHour === 0 ? null : (requests * HOUR_MS) / perHour,
})

/**
 * The part of a statement that consumes requests of a quota, if all of them are allowed.
 * @param name of the part
 * @returns also the condition that they are allowed
 */
export function consumeQuota(name: string, valueOf: ValueOf<QuotaValues>): { part: SQL; isAllowed: SQL } {
  const ms = sql`${valueOf('quotaMs')}::float8`
  const after = (from: SQL) => sql`${from} + ${ms} * interval '1 millisecond'`
  const first = after(sql`now()`)
  const next = sql`greatest(${after(sql`${rateLimits.nextAt}`)}, excluded.next_at)`
  return {
    part: sql`insert into ${rateLimits} (key, next_at) select ${valueOf('quotaKey')}, ${first} where ${ms} <= ${sql.raw(String(HOUR_MS))}
      on conflict (key) do update set next_at = ${next} where ${next} <= now() + interval '1 hour'
      returning key`,
    isAllowed: sql`(${ms} is null or exists (select from ${sql.identifier(name)}))`,
  }
}

/** How long after a refusal the next request is allowed. */
export const secondsBetween = (perHour: number): number => Math.ceil(HOUR_MS / perHour / 1000)

/** Deletes the state of quotas that are unused again. */
export async function deleteExpiredQuotas({ db }: Pick<Store, 'db'>): Promise<void> {
  await db.delete(rateLimits).where(lt(rateLimits.nextAt, sql`now()`))
}
