// Up to which sequence number all events are visible. Numbers are assigned before their rows are committed, so a
// reader that continues after the highest number it saw could skip one that is still being written. Writers hold a
// lock on the table until they commit: this waits for those that were writing at the first look, and for no others.
// It costs writers nothing.
import type { Core } from '../platform/context.ts'
import { sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared } from '../../drizzle/prepared.ts'

/** The last sequence number of the log; 0 before the first event. */
export const lastSeq =
  sql<number>`(select case when is_called then last_value else 0 end from events_seq_seq)`.mapWith(Number)

/** The first pause; each further one is twice as long, because each look is one of a Worker's few requests. */
const FIRST_PAUSE_MS = 20

/** The last pause, after two and a half seconds in total; statements take milliseconds. */
const LAST_PAUSE_MS = 1_280

/**
 * The highest sequence number below which no further event can appear, for reads that begin afterwards. One
 * statement; two while there are writers, and eight at most.
 * @returns undefined when a writer does not end, because its number is unknown
 */
export async function visibleSeq(services: Pick<Core, 'db' | 'sleep'>): Promise<number | undefined> {
  const { last, writers } = await look(services.db)
  const waitedFor = new Set(writers)
  for (let pause = FIRST_PAUSE_MS; waitedFor.size > 0; pause *= 2) {
    if (pause > LAST_PAUSE_MS) return undefined
    await services.sleep(pause)
    const now = await look(services.db)
    for (const writer of waitedFor) if (!now.writers.includes(writer)) waitedFor.delete(writer)
  }
  return last
}

const lookStatement = prepared((db) =>
  db
    .select({
      last: sql<string | number>`case when numbers.is_called then numbers.last_value else 0 end`,
      // It names a column of the sequence, so that it cannot run before the number is read.
      writers: sql<string>`(
        select coalesce(string_agg(virtualtransaction, ' '), '') from pg_locks
        where numbers.last_value is not null and locktype = 'relation' and granted
          and database = (select oid from pg_database where datname = current_database())
          and relation = 'events'::regclass and mode not in ('AccessShareLock', 'RowShareLock')
          and pid <> pg_backend_pid()
      )`,
    })
    .from(sql`events_seq_seq as numbers`),
)

/** The last assigned number and, read after it, the transactions that are writing. */
async function look(db: Database): Promise<{ last: number; writers: string[] }> {
  const [row] = await lookStatement(db, {})
  return { last: Number(row?.last ?? 0), writers: (row?.writers ?? '').split(' ').filter(Boolean) }
}
