// A cache of database reads for seconds, so that a message costs no query. A value whose read overlaps its deletion
// is never cached, because it may be from before the change. lru-cache shares reads between callers, which Workers do
// not allow.

type Entry<Value> = { value: Value; until: number }

/** A running read. Its result is cached only while it is the current read of its key. */
type Reading<Value> = { found: Promise<Value | undefined> }

export type TtlCacheOptions = {
  ttlMs: number
  /** Entries at most; the oldest are evicted. */
  limit: number
  /** Milliseconds that never go back. */
  now: () => number
  /**
   * Whether concurrent readers share one read. False on Workers: a read ends with its request, and readers in other
   * requests would wait for ever.
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
   * Reads the value again and caches it.
   * @param read its undefined is returned and not cached; an error is thrown and not cached
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
