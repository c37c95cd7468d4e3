// The end of the log, read once for all listeners of this process. The newest events are kept in memory; a listener
// that is further behind reads the log itself, so a slow listener delays nothing and costs no memory. While there are
// listeners, the log is read several times a second, and at once after a change of this process. Writers do not
// notify, because that would serialize their commits (docs/architecture.md).
import type { Core } from '../platform/context.ts'
import { EVENT_TYPE_NAMES } from './event-types.ts'
import { type EventsPage, PAGE, readEvents, type StoredEvent } from './read-events.ts'
import { visibleSeq } from './visible-seq.ts'

/** How often the log is read, and the shortest pause between two reads, in milliseconds. */
const POLL_MS = 200
const GAP_MS = 20
const AFTER_FAILURE_MS = 1_000

/** Events that are kept in memory. */
const KEPT = 2_000

/** How often waiting listeners wake although nothing has happened, in milliseconds. */
const TICK_MS = 5_000

export type EventTail = {
  /** This process has written to the log: read it at once. */
  wake(): void
  /** Reads the log until the returned function is called. */
  join(): () => void
  /** The events after a number, of all types; undefined where memory does not reach so far. */
  after(seq: number): EventsPage | undefined
  /** Resolves when there is something new, every few seconds anyway, and when the process is shutting down. */
  moved(): Promise<void>
}

type Outside = Pick<Core, 'db' | 'log' | 'metrics' | 'sleep' | 'steady' | 'stopping'>

/** What is in memory: every event after `from`, up to `to`. */
type Reach = { from: number; to: number; events: StoredEvent[] }

export function createEventTail(outside: Outside): EventTail {
  const { log, metrics, steady, stopping } = outside
  let listeners = 0
  let reach: Reach | undefined
  let waiting = Promise.withResolvers<void>()
  let stop: AbortController | undefined
  let pausing: AbortController | undefined
  let woken = false

  const notify = () => {
    waiting.resolve()
    waiting = Promise.withResolvers()
  }
  stopping?.addEventListener('abort', () => {
    pausing?.abort()
    notify()
  })

  async function run(over: AbortSignal): Promise<void> {
    let ticked = steady()
    const isOver = () => over.aborted || stopping?.aborted === true
    while (!isOver()) {
      woken = false
      const pause = await readOn(over)
      if (steady() - ticked >= TICK_MS) {
        ticked = steady()
        notify()
      }
      await outside.sleep(GAP_MS)
      if (!woken && !isOver()) {
        pausing = new AbortController()
        await outside.sleep(pause, pausing.signal)
      }
    }
  }

  /** @returns the pause until the next read, in milliseconds */
  async function readOn(over: AbortSignal): Promise<number> {
    try {
      if (reach === undefined) {
        const visible = await visibleSeq(outside)
        if (visible === undefined || over.aborted) return 0
        reach = { from: visible, to: visible, events: [] }
        // Listeners must read earlier events themselves.
        notify()
        return 0
      }
      const page = await readEvents(outside, { after: reach.to, limit: PAGE, types: EVENT_TYPE_NAMES })
      if (over.aborted) return 0
      if (page.next < reach.to) {
        // Another log, from now on. Listeners see it when they read for themselves.
        reach = undefined
        notify()
        return 0
      }
      reach.to = page.next
      if (page.events.length === 0) return POLL_MS
      reach.events.push(...page.events)
      const dropped = reach.events.splice(0, Math.max(0, reach.events.length - KEPT))
      reach.from = dropped.at(-1)?.seq ?? reach.from
      notify()
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
      pausing?.abort()
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
        pausing?.abort()
        stop = undefined
        reach = undefined
        notify()
      }
    },
    after(seq) {
      if (reach === undefined || seq < reach.from || seq > reach.to) return undefined
      const first = firstAfter(reach.events, seq)
      const events = reach.events.slice(first, first + PAGE)
      const isAll = first + events.length === reach.events.length
      return { events, next: isAll ? reach.to : (events.at(-1)?.seq ?? seq) }
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
