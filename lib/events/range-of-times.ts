// Which numbers of the log may have the times that a reader wants. Times grow with the numbers, but for the clocks of processes, which
// differ. So the place of a time is found by bisection, where a filter by time alone may walk through the whole log.
import { sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared } from '../../drizzle/prepared.ts'
import { events } from '../../drizzle/schema/index.ts'

/** How far the time of an event may be from those of its neighbours, in milliseconds. */
const CLOCKS_DIFFER_MS = 3_600_000

/** Ranges that are sooner read than narrowed. */
const SHORT = 1_000

/** The numbers after the first and up to the second. */
export type SeqRange = { after: number; upTo: number }

/** The part of a range that has all events from one time to another. */
export async function narrowRange(
  db: Database,
  range: SeqRange,
  { since, until }: { since?: Date | undefined; until?: Date | undefined },
): Promise<SeqRange> {
  if (range.upTo - range.after <= SHORT) return range
  const after =
    since === undefined ? range.after : await lastBefore(db, since.getTime() - CLOCKS_DIFFER_MS, range)
  if (until === undefined) return { ...range, after }
  return { after, upTo: await lastBefore(db, until.getTime() + CLOCKS_DIFFER_MS, { ...range, after }) }
}

const bisect = prepared<{ time: string; after: number; upTo: number }, { low: string }[]>((db, valueOf) =>
  db.select({ low: sql<string>`low` }).from(sql`(
    with recursive search as (
      select ${valueOf('after')}::bigint as low, ${valueOf('upTo')}::bigint as high
      union all
      select case when is_before then probe.seq else low end, case when is_before then high else (low + high) / 2 end
      from search left join lateral (
          select seq, at from ${events} where seq > (low + high) / 2 order by seq limit 1
        ) as probe on true,
        lateral (select coalesce(probe.seq <= high and probe.at < ${valueOf('time')}::timestamptz, false) as is_before) as judged
      where low < high
    )
    select low from search where low >= high
  ) as found`),
)

/** @returns the last number of a range whose event is before a time; the range's begin, if there is none */
async function lastBefore(db: Database, time: number, { after, upTo }: SeqRange): Promise<number> {
  const [found] = await bisect(db, { time: new Date(time).toISOString(), after, upTo })
  return Number(found?.low ?? after)
}
