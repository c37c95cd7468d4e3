// The end of the log, read once for everybody in this process who listens: what came last is kept in memory, and whoever has
// fallen further behind than that reads the log alone, so that a slow listener holds nothing up and costs no memory. The log
// is asked again a few times a second while somebody listens, and at once after a change of our own. Writers do not notify: that
// would put their commits one after the other (lib/README.md has figures).
import type { Core } from '../platform/context.ts'
import { EVENT_TYPE_NAMES } from './event-types.ts'
import { type EventsPage, readEvents, type StoredEvent } from './read-events.ts'
import { settledSeq } from './settled-seq.ts'

/** How often the log is asked, and how long at least between two reads. */
const POLL_MS = 200
const GAP_MS = 20
const AFTER_FAILURE_MS = 1_000

/** Events that are kept in memory, and that are handed out or read at once. */
const KEPT = 2_000
export const PAGE = 200

/** How often those who wait are woken although nothing has happened. */
const TICK_MS = 5_000

export type EventTail = {
  /** Says that this process has written to the log. */
  wake(): void
  /** Has the log followed until the returned function is called. */
  join(): () => void
  /** What came after a number, of all types; undefined where memory does not reach back so far. */
  after(seq: number): EventsPage | undefined
  /** Resolves when there is something new, every few seconds although there is nothing, and when the process is to end. */
  moved(): Promise<void>
}

type Outside = Pick<Core, 'db' | 'log' | 'metrics' | 'now' | 'sleep' | 'stopping'>

/** What is in memory: every event after `from`, up to `to`. */
type Reach = { from: number; to: number; events: StoredEvent[] }

export function createEventTail(outside: Outside): EventTail {
  const { log, metrics, now, stopping } = outside
  let listeners = 0
  let reach: Reach | undefined
  let waiting = Promise.withResolvers<void>()
  let stop: AbortController | undefined
  let nap: AbortController | undefined
  let woken = false

  const tell = () => {
    waiting.resolve()
    waiting = Promise.withResolvers()
  }
  stopping?.addEventListener('abort', () => {
    nap?.abort()
    tell()
  })

  async function run(over: AbortSignal): Promise<void> {
    let ticked = now().getTime()
    const isOver = () => over.aborted || stopping?.aborted === true
    while (!isOver()) {
      woken = false
      const pause = await readOn(over)
      if (now().getTime() - ticked >= TICK_MS) {
        ticked = now().getTime()
        tell()
      }
      await outside.sleep(GAP_MS)
      if (!woken && !isOver()) {
        nap = new AbortController()
        await outside.sleep(pause, nap.signal)
      }
    }
  }

  /** @returns how long nothing needs to be read, in milliseconds */
  async function readOn(over: AbortSignal): Promise<number> {
    try {
      if (reach === undefined) {
        const settled = await settledSeq(outside)
        if (settled === undefined || over.aborted) return 0
        reach = { from: settled, to: settled, events: [] }
        // What came before this, those who wait must look up themselves.
        tell()
        return 0
      }
      const page = await readEvents(outside, { after: reach.to, limit: PAGE, types: EVENT_TYPE_NAMES })
      if (over.aborted) return 0
      reach.to = page.next
      if (page.events.length === 0) return POLL_MS
      reach.events.push(...page.events)
      const dropped = reach.events.splice(0, Math.max(0, reach.events.length - KEPT))
      reach.from = dropped.at(-1)?.seq ?? reach.from
      tell()
      return page.events.length === PAGE ? 0 : POLL_MS
    } catch (error) {
      log('warn', 'the log of events could not be read; listeners wait', { error })
      return AFTER_FAILURE_MS
    }
  }

  function count(change: 1 | -1): void {
    listeners += change
    metrics.set('molecule_event_listeners', listeners)
  }

  return {
    wake() {
      woken = true
      nap?.abort()
    },
    join() {
      count(1)
      if (stop === undefined) {
        stop = new AbortController()
        void run(stop.signal)
      }
      return () => {
        count(-1)
        if (listeners > 0) return
        stop?.abort()
        nap?.abort()
        stop = undefined
        reach = undefined
        tell()
      }
    },
    after(seq) {
      if (reach === undefined || seq < reach.from) return undefined
      const first = firstAfter(reach.events, seq)
      const events = reach.events.slice(first, first + PAGE)
      const isAll = first + events.length === reach.events.length
      return { events, next: Math.max(seq, isAll ? reach.to : (events.at(-1)?.seq ?? seq)) }
    },
    moved: () => waiting.promise,
  }
}

/** The index of the first event after a number; events are in order. */
function firstAfter(events: readonly StoredEvent[], seq: number): number {
  let low = 0
  let high = events.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((events[middle]?.seq ?? 0) <= seq) low = middle + 1
    else high = middle
  }
  return low
}
