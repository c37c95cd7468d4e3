// Addresses that have just sent large webhooks with a wrong signature. Their next large ones are read and verified one after the
// other, so that a flood occupies one at a time. None is refused: valid ones may come from the same address.
import type { Sleep } from '../platform/sleep.ts'

/** Bodies that are longer take turns, in bytes. */
export const LARGE_WEBHOOK = 65_536

/** How long an address is remembered after its last wrong signature. */
const REMEMBERED_MS = 60_000

/** How long a webhook waits for its turn at most: senders wait about ten seconds for an answer. */
const LONGEST_WAIT_MS = 5_000

/** Addresses that are remembered; beyond it the oldest are forgotten. */
const MAX_ADDRESSES = 10_000

export type Forgers = {
  /** A large webhook of the address had a wrong signature. */
  record(address: string): void
  /** Waits for the turn of a large webhook; an address that is not remembered waits for nothing. @returns ends the turn */
  takeTurn(address: string): Promise<() => void>
}

type Forger = { until: number; last: Promise<unknown> }

/** @param now milliseconds that never go back */
export function createForgers({ now, sleep }: { now: () => number; sleep: Sleep }): Forgers {
  const forgers = new Map<string, Forger>()
  return {
    record(address) {
      const forger = forgers.get(address) ?? { until: 0, last: Promise.resolve() }
      forger.until = now() + REMEMBERED_MS
      forgers.delete(address)
      forgers.set(address, forger)
      const [oldest] = forgers.keys()
      if (forgers.size > MAX_ADDRESSES && oldest !== undefined) forgers.delete(oldest)
    },

    async takeTurn(address) {
      const forger = forgers.get(address)
      if (forger === undefined || forger.until <= now()) return () => {}
      const { promise: ended, resolve: end } = Promise.withResolvers<void>()
      const before = forger.last
      forger.last = Promise.all([before, ended])
      const isOver = new AbortController()
      await Promise.race([before, sleep(LONGEST_WAIT_MS, isOver.signal)])
      isOver.abort()
      return end
    },
  }
}
