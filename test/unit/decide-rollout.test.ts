// The decision of a rollout as a table, what holds for every combination, and that it always comes to an end.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Counted,
  decideRollout,
  type RolloutStep,
  type Standing,
} from '../../lib/rollouts/decide-rollout.ts'
import { planOf, targetsOf } from '../../lib/rollouts/plan.ts'

const NOW = new Date('2026-11-25T12:00:00Z')
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000)

const PLAN = planOf({ watch_seconds: 60, busy_seconds: 600, tranches: [1, 5] }, 10)
const RUNNING: Standing = {
  state: 'running',
  plan: PLAN,
  isTrial: false,
  tranche: 0,
  trancheSince: ago(0),
  watchingSince: null,
}
const NOTHING: Counted = {
  updating: 0,
  ready: 0,
  unwell: 0,
  failed: 0,
  failure: null,
  deaths: 0,
  expectedDeaths: 0,
  idle: 0,
  busy: 0,
  toRestore: 0,
  toRestoreBusy: 0,
  restoring: 0,
}
const watched = { watchingSince: ago(60) }
const plan = (change: Partial<typeof PLAN>) => ({ plan: { ...PLAN, ...change } })
const back: Partial<Standing> = { state: 'rolling_back' }

describe('the next step', () => {
  test.each<[string, Partial<Standing>, Partial<Counted>, Partial<RolloutStep>]>([
    ['begins with the first', {}, { idle: 10 }, { do: 'begin', count: 1, busyToo: false }],
    ['fills the tranche', { tranche: 1 }, { ready: 1, idle: 9 }, { do: 'begin', count: 4 }],
    ['takes all in the last one', { tranche: 2 }, { ready: 5, idle: 7 }, { do: 'begin', count: 7 }],
    ['takes fifty at a time', { tranche: 2 }, { ready: 5, idle: 700 }, { do: 'begin', count: 50 }],
    ['and no more at once', { tranche: 2 }, { updating: 45, idle: 700 }, { do: 'begin', count: 5 }],
    ['waits until they are ready', {}, { updating: 1, idle: 9 }, { do: 'wait', for: 'readiness' }],
    ['then watches them', {}, { ready: 1, idle: 9 }, { do: 'watch' }],
    ['for as long as was asked', { watchingSince: ago(59) }, { ready: 1 }, { do: 'wait', for: 'the watch' }],
    ['longer while one is not well', watched, { ready: 1, unwell: 1 }, { do: 'wait', for: 'readiness' }],
    ['and begins the next tranche', watched, { ready: 1, idle: 9 }, { do: 'advance' }],
    ['completes after the last', { ...watched, tranche: 2 }, { ready: 10 }, { do: 'complete' }],
    [
      'takes no latecomer into the watch',
      { ...watched, tranche: 2 },
      { ready: 9, idle: 1 },
      { do: 'complete' },
    ],
    ['is done where there is nobody', { tranche: 2 }, {}, { do: 'complete' }],
    ['asks for a word after a trial', { ...watched, isTrial: true }, { ready: 1 }, { do: 'halt' }],

    ['goes back when one failed', {}, { failed: 1, updating: 3 }, { do: 'roll_back' }],
    ['goes back while it watches', watched, { ready: 1, deaths: 1 }, { do: 'roll_back' }],
    ['bears what was allowed', plan({ max_failures: 1 }), { failed: 1 }, { do: 'watch' }],
    ['and no more', plan({ max_failures: 1 }), { failed: 1, ready: 1, deaths: 1 }, { do: 'roll_back' }],
    ['bears deaths that are usual', watched, { ready: 1, deaths: 2, expectedDeaths: 2.4 }, { do: 'advance' }],
    ['and not one more', watched, { ready: 1, deaths: 3, expectedDeaths: 2.4 }, { do: 'roll_back' }],

    ['waits for those at work', {}, { busy: 3 }, { do: 'wait', for: 'idleness' }],
    ['goes on without them', { tranche: 1, trancheSince: ago(600) }, { ready: 1, busy: 3 }, { do: 'watch' }],
    ['but not unproven', { trancheSince: ago(6_000) }, { busy: 3 }, { do: 'wait', for: 'idleness' }],
    [
      'waits for ever if asked to',
      { ...plan({ when_busy: 'wait' }), tranche: 1, trancheSince: ago(1e6) },
      { ready: 1, busy: 3 },
      { do: 'wait', for: 'idleness' },
    ],
    [
      'restarts them if asked to',
      { ...plan({ when_busy: 'restart' }), trancheSince: ago(600) },
      { busy: 3 },
      { do: 'begin', count: 1, busyToo: true },
    ],

    [
      'goes back at once where it may',
      back,
      { toRestore: 3, toRestoreBusy: 1 },
      { do: 'restore', count: 3, busyToo: false },
    ],
    ['lets work end first', back, { toRestoreBusy: 1 }, { do: 'wait', for: 'idleness' }],
    [
      'but not for ever',
      { ...back, trancheSince: ago(600) },
      { toRestoreBusy: 1 },
      { do: 'restore', busyToo: true },
    ],
    ['waits until all are back', back, { restoring: 1 }, { do: 'wait', for: 'readiness' }],
    ['and is back', back, { failed: 1 }, { do: 'end_rollback' }],
  ])('%s', (_, standing, counted, step) => {
    expect(decideRollout({ ...RUNNING, ...standing }, { ...NOTHING, ...counted }, NOW)).toMatchObject(step)
  })

  test('a rollout never exceeds its limits, in any combination', () => {
    const few = fc.constantFrom(0, 1, 2, 7)
    const since = fc.constantFrom(0, 30, 61, 700)
    fc.assert(
      fc.property(
        fc.record({
          updating: few,
          ready: few,
          unwell: few,
          failed: few,
          deaths: few,
          expectedDeaths: fc.constantFrom(0, 0.9, 3),
          idle: few,
          busy: few,
          toRestore: few,
          toRestoreBusy: few,
          restoring: few,
        }),
        fc.record({
          state: fc.constantFrom('running' as const, 'rolling_back' as const),
          isTrial: fc.boolean(),
          tranche: fc.constantFrom(0, 1, 2),
          trancheSince: since.map(ago),
          watchingSince: fc.option(since.map(ago)),
        }),
        fc.record({
          max_failures: fc.constantFrom(0, 2),
          when_busy: fc.constantFrom('skip' as const, 'wait' as const, 'restart' as const),
        }),
        (counts, standing, changes) => {
          const counted = { ...counts, failure: null }
          const rollout = { ...standing, ...plan(changes) }
          const step = decideRollout(rollout, counted, NOW)
          const { targets } = rollout.plan
          const reached = counted.updating + counted.ready + counted.failed
          const bad = counted.failed + Math.max(0, counted.deaths - Math.floor(counted.expectedDeaths))
          const isBad = bad > rollout.plan.max_failures
          if (rollout.state === 'rolling_back') return ['restore', 'end_rollback', 'wait'].includes(step.do)
          if (isBad !== (step.do === 'roll_back')) return false
          if (step.do === 'begin') {
            const most = step.busyToo ? counted.busy : counted.idle
            return (
              step.count > 0 &&
              step.count <= most &&
              reached + step.count <= (targets[rollout.tranche] ?? Infinity)
            )
          }
          const isSettled = counted.updating === 0 && counted.unwell === 0
          if (step.do === 'complete') return isSettled && rollout.tranche === targets.length
          if (step.do === 'advance') return isSettled && rollout.tranche < targets.length
          return step.do !== 'restore' && step.do !== 'end_rollback'
        },
      ),
      { numRuns: 5_000 },
    )
  })

  test('a rollout ends for every fleet, and a bad image reaches the first tranche at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 500 }), fc.boolean(), (fleet, isGood) => {
        const rollout: Standing = { ...RUNNING, plan: planOf({}, fleet), trancheSince: NOW }
        const counted = { ...NOTHING, idle: fleet }
        let now = NOW
        for (let steps = 0; steps < 200; steps++) {
          const step = decideRollout(rollout, counted, now)
          switch (step.do) {
            case 'begin':
              counted.idle -= step.count
              counted.updating += step.count
              break
            case 'wait':
              now = new Date(now.getTime() + 61_000)
              counted[isGood ? 'ready' : 'failed'] += counted.updating
              counted.updating = 0
              break
            case 'watch':
              rollout.watchingSince = now
              break
            case 'advance':
              rollout.tranche++
              rollout.watchingSince = null
              break
            case 'complete':
              return (isGood || fleet === 0) && counted.ready === fleet
            case 'roll_back':
              return !isGood && counted.failed <= (rollout.plan.targets[0] ?? fleet)
            case 'halt':
            case 'restore':
            case 'end_rollback':
              return false
          }
        }
        return false
      }),
    )
  })
})

test.each<[(number | string)[], number, number | undefined, number[]]>([
  [[1, '10%', '50%', '100%'], 200, undefined, [1, 20, 100]],
  [[1, '10%', '50%'], 3, undefined, [1, 2]],
  [[1, '10%', '50%'], 1, undefined, []],
  [['100%'], 10, undefined, []],
  [[5, 3, '40%'], 10, undefined, [5]],
  [[1, '50%'], 10, 3, [3, 5]],
  [[1], 0, undefined, []],
])('tranches of %j for %i workspaces, %s named, are %j and then all', (tranches, fleet, named, targets) => {
  expect(targetsOf(tranches, fleet, named)).toEqual(targets)
})
