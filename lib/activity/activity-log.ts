// A buffer of activity that is not yet in the database. The A2A proxy records activity after its answers, thousands
// of times a second, and must neither wait for the database nor fail with it: rows are collected here for a moment
// and written in bulk.
import type { Database } from '../../drizzle/database.ts'
import type { Log } from '../platform/log.ts'
import { type ActivityEntry, type ActivityRow, createRowMaker } from './activity-row.ts'
import { insertActivities } from './insert-activities.ts'

export type ActivityLog = {
  /**
   * Adds an entry without waiting.
   * @returns the write to hand to `waitUntil`, which never rejects; undefined when an earlier caller has promised to
   *   write
   */
  record(entry: ActivityEntry): Promise<void> | undefined
  /** Writes all buffered rows, after any write in progress. Never rejects. */
  flush(): Promise<void>
}

/** How long rows are collected before they are written, in milliseconds. */
const COLLECT_MS = 250

/** Most rows in the buffer, and UTF-16 units of JSON in them; beyond that the oldest are dropped. */
const MAX_ROWS = 10_000
const MAX_LENGTH = 16_000_000

/** Rows in one statement. The embedded database runs in this thread, so a longer statement would delay messages. */
const ROWS_PER_STATEMENT = 200

/**
 * How long a promise to write is relied on, in milliseconds. A Worker may end a request in the middle of its
 * `waitUntil` without notice; after this time the next entry promises again.
 */
const PROMISE_MS = 60_000

type Options = {
  db: Database
  log: Log
  now: () => Date
  sleep: (ms: number) => Promise<void>
}

export function createActivityLog({ db, log, now, sleep }: Options): ActivityLog {
  const toRow = createRowMaker()
  let waiting: ActivityRow[] = []
  let length = 0
  let dropped = 0
  let promisedUntil = 0
  let last = { done: Promise.resolve(), until: 0 }

  const clock = () => now().getTime()

  function append(row: ActivityRow): void {
    waiting.push(row)
    length += row.shared.length
    while (waiting.length > MAX_ROWS || length > MAX_LENGTH) {
      length -= waiting.shift()?.shared.length ?? length
      dropped++
    }
  }

  async function writeAll(): Promise<void> {
    const [rows, lost] = [waiting, dropped]
    waiting = []
    length = dropped = promisedUntil = 0
    if (lost > 0)
      log('warn', 'activity arrived faster than it could be written; the oldest rows were dropped', {
        rows: lost,
      })
    for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
      try {
        await insertActivities(db, rows.slice(from, from + ROWS_PER_STATEMENT))
      } catch (error) {
        log('error', 'activity could not be written; the rows are lost', { rows: rows.length - from, error })
        return
      }
    }
  }

  async function writeAfter(before: typeof last): Promise<void> {
    if (clock() < before.until) await before.done
    await writeAll()
  }

  function flush(): Promise<void> {
    const done = writeAfter(last)
    last = { done, until: clock() + PROMISE_MS }
    return done
  }

  return {
    record(entry) {
      append(toRow(entry))
      if (clock() < promisedUntil) return undefined
      promisedUntil = clock() + PROMISE_MS
      return sleep(COLLECT_MS).then(flush)
    },
    flush,
  }
}
