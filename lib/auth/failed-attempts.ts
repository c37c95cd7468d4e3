// Slows down whoever tries tokens out. What is counted are different wrong tokens of one address: an agent that
// repeats one that is no longer valid is told so from memory, and does not lock out the others behind the same
// address.

const WINDOW_MS = 60_000

/** Different wrong tokens of an address in a minute; after that, one more is looked up each second. */
const FREE = 30
const SLOW_MS = 1_000

/** Addresses, and wrong tokens, that are remembered; beyond that the oldest go. */
const MOST = 10_000

/** For how long a wrong token is known to be wrong. */
const WRONG_MS = 10_000

/** For how long a good one is known to have been good: longer than agents are silent. */
const GOOD_MS = 600_000

type Attempts = { since: number; count: number; next: number }

export type FailedAttempts = {
  /** Whether this very credential was wrong a moment ago. */
  isKnownWrong(credential: string): boolean
  /** @returns seconds to wait, where this address may not try another one now. One that was good lately is no try */
  mustWait(address: string, credential: string): number | undefined
  /** Whoever was let in lately is not held up by a neighbour's guesses. */
  recordValid(credential: string): void
  isKnownGood(credential: string): boolean
  /** @returns how many there were in this minute */
  note(address: string, credential: string): number
}

/** @param now milliseconds since 1970 */
export function createFailedAttempts(now: () => number): FailedAttempts {
  const attempts = new Map<string, Attempts>()
  const wrong = new Map<string, number>()
  const good = new Map<string, number>()

  const isKnownGood = (credential: string) => (good.get(credential) ?? 0) > now()

  return {
    isKnownGood,
    isKnownWrong: (credential) => (wrong.get(credential) ?? 0) > now(),

    mustWait(address, credential) {
      const at = now()
      if (isKnownGood(credential)) return undefined
      const had = attempts.get(address)
      if (had === undefined || at - had.since >= WINDOW_MS || had.count < FREE) return undefined
      if (at < had.next) return Math.ceil((had.next - at) / 1000)
      had.next = at + SLOW_MS
      return undefined
    },

    recordValid: (credential) => keep(good, credential, now() + GOOD_MS),

    note(address, credential) {
      const at = now()
      keep(wrong, credential, at + WRONG_MS)
      const had = attempts.get(address)
      const current =
        had === undefined || at - had.since >= WINDOW_MS ? { since: at, count: 0, next: at } : had
      current.count++
      keep(attempts, address, current)
      return current.count
    },
  }
}

function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= MOST) return
    map.delete(oldest)
  }
}
