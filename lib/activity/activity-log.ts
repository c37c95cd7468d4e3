// Activity on its way to the database. The A2A road notes what it did after its answers, thousands of times a second, and
// must neither wait for that nor fail by it: rows gather here for a moment and are written many at a time.
import type { Database } from '../../drizzle/database.ts'
import type { Log } from '../platform/log.ts'
import { type ActivityEntry, toActivityRow } from './activity-row.ts'
import { insertActivities } from './insert-activities.ts'

export type ActivityLog = {
  /**
   * Takes an entry, at once.
   * @returns work to be handed to `waitUntil`, which never fails; undefined when somebody else has promised to write
   */
  record(entry: ActivityEntry): Promise<void> | undefined
  /** Writes down what is there now, after whatever is being written. Never fails. */
  flush(): Promise<void>
}

/** How long rows gather. */
const GATHER_MS = 250

/** Rows, and UTF-16 units of JSON in them, that may wait; beyond that the oldest are dropped. */
const MOST_ROWS = 10_000
const MOST_TEXT = 16_000_000

/** Rows in one statement: the embedded database works in this thread, where a message must not wait long for them. */
const CHUNK = 200

/**
 * How long a promise to write counts. A Worker may end a request in the middle of its `waitUntil`, and nobody is told:
 * then the next one who has something to note promises again.
 */
const PATIENCE_MS = 60_000

type Outside = {
  db: Database
  log: Log
  now: () => Date
  sleep: (ms: number) => Promise<void>
}

export function createActivityLog({ db, log, now, sleep }: Outside): ActivityLog {
  let waiting: string[] = []
  let length = 0
  let dropped = 0
  let promisedUntil = 0
  let last = { done: Promise.resolve(), until: 0 }

  const clock = () => now().getTime()

  function keep(row: string): void {
    waiting.push(row)
    length += row.length
    while (waiting.length > MOST_ROWS || length > MOST_TEXT) {
      length -= waiting.shift()?.length ?? length
      dropped++
    }
  }

  async function writeAll(): Promise<void> {
    const [rows, lost] = [waiting, dropped]
    waiting = []
    length = dropped = promisedUntil = 0
    if (lost > 0)
      log('warn', 'activity came faster than it could be written; the oldest was dropped', { rows: lost })
    for (let from = 0; from < rows.length; from += CHUNK) {
      try {
        await insertActivities(db, rows.slice(from, from + CHUNK))
      } catch (error) {
        log('error', 'activity could not be written and is dropped', { rows: rows.length - from, error })
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
    last = { done, until: clock() + PATIENCE_MS }
    return done
  }

  return {
    record(entry) {
      keep(toActivityRow(entry))
      if (clock() < promisedUntil) return undefined
      promisedUntil = clock() + PATIENCE_MS
      return sleep(GATHER_MS).then(flush)
    },
    flush,
  }
}
