// What was read from the database, kept for seconds, so that a message costs no query. A value that was being read while it
// was forgotten is never kept: it may be from before the change.

type Entry<Value> = { value: Value; until: number }

/** A read that is under way. While it is the one that is noted for its key, what it finds may be kept. */
type Reading<Value> = { found: Promise<Value | undefined> }

export type TtlCacheOptions = {
  ttlMs: number
  /** Entries kept, at most; beyond that the oldest go. */
  limit: number
  /** Milliseconds since 1970. */
  now: () => number
  /**
   * Whether readers at the same time may wait for one read. On Workers they may not: a request that ends takes its reads with
   * it, and who waited for them in another request would wait for ever.
   */
  sharesReads: boolean
}

export class TtlCache<Value> {
  readonly #options: TtlCacheOptions
  readonly #entries = new Map<string, Entry<Value>>()
  readonly #reading = new Map<string, Reading<Value>>()

  constructor(options: TtlCacheOptions) {
    this.#options = options
  }

  peek(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    return entry !== undefined && entry.until > this.#options.now() ? entry.value : undefined
  }

  /**
   * The value, read anew.
   * @param read its undefined is passed on and not kept, nor is anything kept of a read that throws
   */
  load(key: string, read: () => Promise<Value | undefined>): Promise<Value | undefined> {
    const running = this.#reading.get(key)
    if (running !== undefined && this.#options.sharesReads) return running.found
    const reading: Reading<Value> = { found: read() }
    this.#reading.set(key, reading)
    return this.#keepFound(key, reading)
  }

  async #keepFound(key: string, reading: Reading<Value>): Promise<Value | undefined> {
    const isCurrent = () => this.#reading.get(key) === reading
    try {
      const value = await reading.found
      if (value !== undefined && isCurrent()) this.#keep(key, value)
      return value
    } finally {
      if (isCurrent()) this.#reading.delete(key)
    }
  }

  #keep(key: string, value: Value): void {
    const { limit, now, ttlMs } = this.#options
    this.#entries.delete(key)
    this.#entries.set(key, { value, until: now() + ttlMs })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= limit) break
      this.#entries.delete(oldest)
    }
  }

  delete(key: string): void {
    this.#entries.delete(key)
    this.#reading.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#reading.clear()
  }
}
