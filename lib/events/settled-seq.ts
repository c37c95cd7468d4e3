// Up to where the log is settled. Sequence numbers are given out before their rows can be seen, so whoever goes on from the
// highest number seen could pass one that is still being written. Writers hold a lock on the table until they end: who was
// writing when we looked is waited for, and no one else; writers know nothing of it, and it costs no write.
import type { Core } from '../platform/context.ts'
import { sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'

/** The first pause before looking again; each is twice the one before, because to a Worker each look is one of few requests. */
const FIRST_PAUSE_MS = 20

/** And the last, after two and a half seconds in all: statements take milliseconds. */
const LAST_PAUSE_MS = 1_280

/**
 * The highest sequence number below which nothing can appear any more, for reads that begin afterwards. One statement, two where
 * somebody is writing, and eight at most where somebody writes for long.
 * @returns undefined when a writer does not end: nobody knows which number it has
 */
export async function settledSeq(services: Pick<Core, 'db' | 'sleep'>): Promise<number | undefined> {
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

/** The last number given out and, looked up after it, the transactions that are writing. */
async function look(db: Database): Promise<{ last: number; writers: string[] }> {
  // The subquery names a column of the sequence so that it cannot be run before the number is read.
  const [row] = await db
    .select({
      last: sql<string | number>`case when numbers.is_called then numbers.last_value else 0 end`,
      writers: sql<string>`(
        select coalesce(string_agg(virtualtransaction, ' '), '') from pg_locks
        where numbers.last_value is not null and locktype = 'relation' and granted
          and database = (select oid from pg_database where datname = current_database())
          and relation = 'events'::regclass and mode not in ('AccessShareLock', 'RowShareLock')
          and pid <> pg_backend_pid()
      )`,
    })
    .from(sql`events_seq_seq as numbers`)
  return { last: Number(row?.last ?? 0), writers: (row?.writers ?? '').split(' ').filter(Boolean) }
}
