// The helpers in lib/platform that every folder uses.
import { describe, expect, test } from 'vitest'
import { nodeDigests } from '../../functions/node/digests.ts'
import { forEachConcurrently } from '../../lib/platform/concurrency.ts'
import { hmacSha256, sha256 } from '../../lib/platform/digest.ts'
import { sleep } from '../../lib/platform/sleep.ts'
import { runInSlices, type Steps, takeTurn } from '../../lib/platform/slices.ts'
import { createSteadyClock } from '../../lib/platform/steady-clock.ts'
import { isUuid, newIdAt, normalizeUuid } from '../../lib/platform/uuid.ts'

describe('forEachConcurrently', () => {
  test('forEachConcurrently handles every item, at most `limit` at once', async () => {
    let running = 0
    let most = 0
    const done: number[] = []
    const rest = await forEachConcurrently([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      done.push(item)
    })
    expect(most).toBe(3)
    expect(new Set(done)).toEqual(new Set([1, 2, 3, 4, 5, 6, 7]))
    expect(rest).toEqual([])
  })

  test('forEachConcurrently returns the items that were not begun once mayBegin is false, after the others have ended', async () => {
    const ended: string[] = []
    const rest = await forEachConcurrently(
      ['a', 'b', 'c', 'd'],
      2,
      async (item) => {
        await new Promise((resolve) => setImmediate(resolve))
        ended.push(item)
      },
      () => ended.length === 0,
    )
    expect(ended).toEqual(['a', 'b'])
    expect(rest).toEqual(['c', 'd'])
  })

  test('forEachConcurrently rejects with the first error and begins nothing after it', async () => {
    const begun: number[] = []
    const run = forEachConcurrently([1, 2, 3, 4], 1, (item) => {
      begun.push(item)
      return item === 2 ? Promise.reject(new Error('two')) : Promise.resolve()
    })
    await expect(run).rejects.toThrow('two')
    expect(begun).toEqual([1, 2])
  })

  test('forEachConcurrently rejects with an error that the work throws synchronously', async () => {
    const run = forEachConcurrently([1, 2], 2, () => {
      throw new Error('at once')
    })
    await expect(run).rejects.toThrow('at once')
  })
})

test('computations in slices take turns: none ends before all have begun', async () => {
  const begun = new Set<string>()
  const begunAtEnds: number[] = []
  function* count(name: string): Steps<void> {
    for (let step = 0; step < 10; step++) {
      begun.add(name)
      yield
    }
    begunAtEnds.push(begun.size)
  }
  await Promise.all(['a', 'b', 'c'].map((name) => runInSlices(count(name))))
  expect(begunAtEnds).toEqual([3, 3, 3])
})

test('works that take turns never run in the same turn of the event loop', async () => {
  let running = 0
  let most = 0
  const work = async () => {
    await takeTurn()
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    running--
  }
  await Promise.all([work(), work(), work()])
  expect(most).toBe(1)
})

describe('sleep', () => {
  test('sleep resolves at once if its signal has aborted before', async () => {
    await sleep(60_000, AbortSignal.abort())
  })

  test('sleep resolves when its signal aborts', async () => {
    const controller = new AbortController()
    const slept = sleep(60_000, controller.signal)
    controller.abort()
    await slept
  })
})

describe('UUIDs', () => {
  test('UUIDs are recognised in either case and compared in lower case', () => {
    const upper = '0191E5A3-7C1B-7DEF-8A90-1234567890AB'
    expect(isUuid(upper)).toBe(true)
    expect(normalizeUuid(upper)).toBe('0191e5a3-7c1b-7def-8a90-1234567890ab')
  })

  test.each([
    '',
    'x',
    '0191e5a37c1b7def8a901234567890ab',
    '0191e5a3-7c1b-7def-8a90-1234567890ab ',
    'g191e5a3-7c1b-7def-8a90-1234567890ab',
  ])('"%s" is not a UUID', (text) => {
    expect(isUuid(text)).toBe(false)
    expect(normalizeUuid(text)).toBeUndefined()
  })

  // The first is the example of RFC 9562 §A.6. The last two are before and after the lower 16 bits begin anew.
  test.each([
    [1_645_557_742_000, '017f22e2-79b0-7'],
    [0, '00000000-0000-7'],
    [0x0199_ffff_ffff, '0199ffff-ffff-7'],
    [0x019a_0000_0000, '019a0000-0000-7'],
  ])('a UUID of version 7 begins with its time: %i ms', (ms, start) => {
    const id = newIdAt(ms)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(id.slice(0, start.length)).toBe(start)
  })
})

test('a steady clock goes on from where it was when the clock is set back', () => {
  let now = 1_000
  const steady = createSteadyClock(() => now)
  const times = [0, 50, -300, 20, 7_000].map((step) => {
    now += step
    return steady()
  })
  expect(times).toEqual([1_000, 1_050, 1_050, 1_070, 8_070])
})

test("Node's digests are those of WebCrypto", async () => {
  for (const text of ['', 'a token', 'ä → 🦀']) {
    expect(nodeDigests.sha256(text)).toBe(await sha256(text))
    for (const key of ['a key', Uint8Array.of(0, 255, 128)])
      expect(nodeDigests.hmacSha256(key, text)).toBe(await hmacSha256(key, text))
  }
})
