// Timers on Node. Each message has a timer that is cancelled long before its time, and a timer of Node takes longer to make and to
// cancel than an entry in a list that is looked at twice a second.
import { type After, after } from '../../lib/platform/sleep.ts'

/** Timers of at least so many milliseconds may be late by as much as the list is looked at. */
const LONG_MS = 5_000
const LOOK_MS = 500

/** `looks`: how often it is looked at until it is due. */
type Entry = { looks: number; work: () => void }

export function createAfter(): After {
  const entries = new Set<Entry>()
  let interval: NodeJS.Timeout | undefined

  function look(): void {
    if (entries.size === 0) {
      clearInterval(interval)
      interval = undefined
    }
    const due = [...entries].filter((entry) => --entry.looks <= 0)
    // One of them may cancel another.
    for (const entry of due) if (entries.delete(entry)) entry.work()
  }

  return (ms, work) => {
    if (ms < LONG_MS) return after(ms, work)
    // The first look may come at once.
    const entry = { looks: Math.ceil(ms / LOOK_MS) + 1, work }
    entries.add(entry)
    interval ??= setInterval(look, LOOK_MS)
    return () => void entries.delete(entry)
  }
}
