// A cached value must never be older than the last change that this process made.
import { describe, expect, test } from 'vitest'
import { TtlCache } from '../../lib/platform/ttl-cache.ts'

function createCache(options: { limit?: number; sharesReads?: boolean } = {}) {
  let now = 0
  const cache = new TtlCache<number>({ ttlMs: 5, limit: 10, now: () => now, sharesReads: true, ...options })
  return { cache, advance: (ms: number) => void (now += ms) }
}

describe('a TTL cache', () => {
  test('a value is cached for its time and no longer', async () => {
    const { cache, advance } = createCache()
    expect(await cache.load('a', () => Promise.resolve(1))).toBe(1)
    advance(4)
    expect(cache.peek('a')).toBe(1)
    advance(1)
    expect(cache.peek('a')).toBeUndefined()
  })

  test('an undefined value and a failure are not cached', async () => {
    const { cache } = createCache()
    expect(await cache.load('a', () => Promise.resolve(undefined))).toBeUndefined()
    await expect(cache.load('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away')
    expect(await cache.load('a', () => Promise.resolve(2))).toBe(2)
  })

  test.each(['forget', 'clear'] as const)(
    'a value that was read during a change (%s) is not cached',
    async (how) => {
      const { cache } = createCache()
      const { promise, resolve } = Promise.withResolvers<number>()
      const reading = cache.load('a', () => promise)
      if (how === 'forget') cache.delete('a')
      else cache.clear()
      resolve(1)
      expect(await reading).toBe(1)
      expect(cache.peek('a')).toBeUndefined()
    },
  )

  test('a read from before a change does not replace a later one', async () => {
    const { cache } = createCache()
    const { promise, resolve } = Promise.withResolvers<number>()
    const old = cache.load('a', () => promise)
    cache.delete('a')
    await cache.load('a', () => Promise.resolve(2))
    resolve(1)
    await old
    expect(cache.peek('a')).toBe(2)
  })

  test('concurrent readers share one read, and its failure', async () => {
    for (const sharesReads of [true, false]) {
      const { cache } = createCache({ sharesReads })
      let reads = 0
      const read = () => cache.load('a', () => Promise.reject(new Error(`read ${++reads}`)))
      await Promise.allSettled([read(), read(), read()])
      expect(reads).toBe(sharesReads ? 1 : 3)
    }
  })

  test('a full cache drops the oldest value first', async () => {
    const { cache } = createCache({ limit: 2 })
    for (const [n, key] of ['a', 'b', 'c'].entries()) await cache.load(key, () => Promise.resolve(n))
    expect(['a', 'b', 'c'].map((key) => cache.peek(key))).toEqual([undefined, 1, 2])
  })
})
