// Timers of the server on Node, by a clock that the test moves.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createAfter } from '../../functions/node/after.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test.for([250, 5_000, 20_000])(
  'a timer of %i ms runs once, not before its time and at most 1 s late',
  (ms) => {
    const work = vi.fn()
    const after = createAfter()
    // Others are running already.
    after(60_000, () => {})
    vi.advanceTimersByTime(260)
    after(ms, work)
    vi.advanceTimersByTime(ms - 1)
    expect(work).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1_001)
    expect(work).toHaveBeenCalledOnce()
    vi.advanceTimersByTime(2 * ms)
    expect(work).toHaveBeenCalledOnce()
  },
)

test('a timer that was cancelled does not run, also when another one of the same time cancels it', () => {
  const work = vi.fn()
  const after = createAfter()
  const cancel = after(5_000, work)
  cancel()
  let cancelOther = () => {}
  after(10_000, () => cancelOther())
  cancelOther = after(10_000, work)
  vi.advanceTimersByTime(30_000)
  expect(work).not.toHaveBeenCalled()
})

test('no timer is left when none was needed for a while', () => {
  createAfter()(5_000, () => {})()
  vi.advanceTimersByTime(1_000)
  expect(vi.getTimerCount()).toBe(0)
})
