// What a process remembers about credentials for a short time: which are valid, which are not, and how many invalid
// ones an address has sent. A credential that is repeated costs no query. Keys are hashes, so that a long credential
// takes no memory.

const WINDOW_MS = 60_000

/** Entries of each kind; beyond it the oldest are evicted. */
const MAX_ENTRIES = 10_000

const INVALID_MS = 10_000

/** Longer than agents are silent. */
const VALID_MS = 600_000

type Attempts = { since: number; count: number }

export type FailedAttempts = {
  /** Whether the credential did not exist seconds ago. */
  isKnownInvalid(hash: string): boolean
  isKnownValid(hash: string): boolean
  recordValid(hash: string): void
  /** The credential was refused, so its validity is checked again. */
  forget(hash: string): void
  /**
   * Only for a credential that does not exist: one that exists and may not do what it tried is valid.
   * @returns how many invalid ones the sender has sent within a minute
   */
  recordInvalid(sender: string, hash: string): number
}

/** @param now milliseconds that never go back */
export function createFailedAttempts(now: () => number): FailedAttempts {
  const attempts = new Map<string, Attempts>()
  const invalid = new Map<string, number>()
  const valid = new Map<string, number>()

  const isKnownValid = (hash: string) => (valid.get(hash) ?? 0) > now()

  return {
    isKnownValid,
    isKnownInvalid: (hash) => (invalid.get(hash) ?? 0) > now(),
    recordValid: (hash) => keep(valid, hash, now() + VALID_MS),
    forget: (hash) => void valid.delete(hash),

    recordInvalid(sender, hash) {
      const at = now()
      valid.delete(hash)
      keep(invalid, hash, at + INVALID_MS)
      const earlier = attempts.get(sender)
      const current =
        earlier === undefined || at - earlier.since >= WINDOW_MS ? { since: at, count: 0 } : earlier
      current.count++
      keep(attempts, sender, current)
      return current.count
    },
  }
}

function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= MAX_ENTRIES) return
    map.delete(oldest)
  }
}
