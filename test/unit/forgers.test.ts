// The turns of large webhooks from an address that has just sent forged ones.
import { expect, test } from 'vitest'
import { createForgers } from '../../lib/hooks/forgers.ts'
import { createSleep } from '../../lib/platform/sleep.ts'

/** Forgers, and the ends of the waits that they began. */
function create() {
  let now = 0
  const waits: (() => void)[] = []
  const sleep = createSleep((_, end) => {
    waits.push(end)
    return () => {}
  })
  return {
    forgers: createForgers({ now: () => now, sleep }),
    waits,
    advance: (ms: number) => void (now += ms),
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('an address without forged webhooks waits for nothing, and one with them for each turn before', async () => {
  const { forgers } = create()
  const order: string[] = []
  const turn = async (name: string, address: string) => {
    const end = await forgers.takeTurn(address)
    order.push(name)
    return end
  }
  forgers.record('a')
  const first = turn('first', 'a')
  const second = turn('second', 'a')
  void turn('other', 'b')
  await settled()
  expect(order.toSorted()).toEqual(['first', 'other'])
  ;(await first)()
  await second
  expect(order.at(-1)).toBe('second')
})

test('a turn that does not end delays the next one for a limited time', async () => {
  const { forgers, waits } = create()
  forgers.record('a')
  await forgers.takeTurn('a')
  const next = forgers.takeTurn('a')
  waits.at(-1)?.()
  await next
})

test('an address is forgotten a minute after its last forged webhook', async () => {
  const { advance, forgers, waits } = create()
  forgers.record('a')
  await forgers.takeTurn('a')
  const before = waits.length
  advance(60_000)
  await forgers.takeTurn('a')
  expect(waits).toHaveLength(before)
})
