// What Fly's machines and events mean: exits that are crashes, and exits that are not.
import { describe, expect, test } from 'vitest'
import { waitAnswer } from '../../lib/fly/shapes.ts'
import { restedMsOf, toMachine } from '../../lib/provisioner/fly/read-machine.ts'
import { outsideStopReason } from '../../lib/reconcile/machine-reasons.ts'

const START = { type: 'start', status: 'started', timestamp: 1_000_000 }
const exit = (timestamp: number, exit_code: number, requested_stop: boolean) => ({
  type: 'exit',
  status: 'stopped',
  timestamp,
  request: { exit_event: { exit_code, requested_stop } },
})

/** @param events newest first, as Fly lists them */
const read = (events: object[], more: object = {}) =>
  toMachine('agents', { id: 'm1', state: 'stopped', events, ...more })

describe('the exit of a machine', () => {
  test('the exit of a machine is that of the program that ran last, with how long it ran', () => {
    expect(read([exit(1_090_000, 1, false), START]).exit).toMatchObject({
      exitCode: 1,
      requested: false,
      ranSeconds: 90,
    })
  })

  test('an exit does not count while a newer program runs', () => {
    expect(read([START, exit(900_000, 1, false)]).exit).toBeUndefined()
  })

  test('an exit that an update caused does not count, whichever event Fly logs first', () => {
    const update = { type: 'update', status: 'replacing', timestamp: 1_010_000 }
    expect(read([exit(1_011_000, 143, false), update, START]).exit).toBeUndefined()
    expect(read([update, exit(1_009_000, 143, false), START]).exit).toBeUndefined()
  })

  test('the exit of a new program after an update counts', () => {
    const update = { type: 'update', status: 'replacing', timestamp: 900_000 }
    expect(read([exit(1_001_000, 1, false), START, update]).exit).toMatchObject({ exitCode: 1 })
  })
})

describe('the request that ended the last run of a machine', () => {
  const stop = { type: 'stop', status: 'stopping', source: 'user', timestamp: 1_080_000 }
  const suspend = { type: 'suspend', status: 'suspending', source: 'proxy', timestamp: 1_080_000 }
  const suspended = { type: 'suspend', status: 'suspended', source: 'flyd', timestamp: 1_081_000 }

  test('a requested stop has the source of its request', () => {
    expect(read([exit(1_090_000, 0, true), stop, START]).stopRequest).toEqual({
      verb: 'stop',
      source: 'user',
      at: new Date(1_080_000),
    })
  })

  test('a suspended machine was suspended by request, and flyd is not its source', () => {
    expect(read([suspended, suspend, START], { state: 'suspended' }).stopRequest).toMatchObject({
      verb: 'suspend',
      source: 'proxy',
    })
  })

  test('a requested stop whose event is not listed has no source', () => {
    expect(read([exit(1_090_000, 0, true), START]).stopRequest).toEqual({
      verb: 'stop',
      source: null,
      at: new Date(1_090_000),
    })
    expect(read([], { state: 'suspended' }).stopRequest).toMatchObject({ source: null, at: null })
  })

  test.each([
    ['an exit by itself', [exit(1_090_000, 0, false), START], 'stopped'],
    ['a stop before the newest start', [START, exit(900_000, 0, true), { ...stop, timestamp: 1 }], 'started'],
    ['a machine without events', [], 'stopped'],
    [
      'a stop before an update',
      [{ type: 'update', status: 'stopped', timestamp: 2_000_000 }, stop],
      'stopped',
    ],
  ])('%s is no request', (_, events, state) => {
    expect(read(events, { state }).stopRequest).toBeUndefined()
  })
})

test.each([
  [300, 'stopped_after_minutes'],
  [600, 'stopped_outside'],
])('a machine that others stopped after %d s is explained as %s', (seconds, code) => {
  const machine = read([exit(1_000_000 + seconds * 1_000, 0, true), START])
  expect(machine.stopRequest).toBeDefined()
  expect(machine.stopRequest && outsideStopReason(machine, machine.stopRequest)).toMatchObject({ code })
})

test.each<[string, string, object[], number | undefined]>([
  ['stopped', 'its newest event', [exit(1_090_000, 0, true), START], 10_000],
  ['suspended', 'its newest event', [{ type: 'suspend', timestamp: 1_095_000 }, START], 5_000],
  ['started', 'nothing', [START], undefined],
  ['stopping', 'nothing', [{ type: 'stop', timestamp: 1_090_000 }, START], undefined],
  ['stopped', 'nothing where an event has no time', [{ type: 'stop' }, START], undefined],
  ['stopped', 'nothing without events', [], undefined],
])('a machine that is %s is known to have been at rest since %s', (state, _, events, restedMs) => {
  const answeredAt = 1_100_000
  expect(restedMsOf({ id: 'm1', state, events }, answeredAt)).toBe(restedMs)
  expect(restedMsOf({ id: 'm1', state, events }, undefined)).toBeUndefined()
})

test('a machine without our labels, version or size is read as it is', () => {
  expect(read([])).toMatchObject({
    labels: undefined,
    version: undefined,
    size: undefined,
    isCordoned: false,
  })
})

test('the documented answer to a wait, which has no state, is accepted', () => {
  expect(waitAnswer.parse({ ok: true })).toMatchObject({})
})
