// The decision of a rollout: as a table, as properties of every combination, and as a simulation that always ends.
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

describe('the next step of a rollout', () => {
  test.each<[string, Partial<Standing>, Partial<Counted>, Partial<RolloutStep>]>([
    ['begins with the first workspace', {}, { idle: 10 }, { do: 'begin', count: 1, busyToo: false }],
    ['fills the tranche', { tranche: 1 }, { ready: 1, idle: 9 }, { do: 'begin', count: 4 }],
    [
      'takes all workspaces in the last tranche',
      { tranche: 2 },
      { ready: 5, idle: 7 },
      { do: 'begin', count: 7 },
    ],
    ['updates fifty workspaces at once', { tranche: 2 }, { ready: 5, idle: 700 }, { do: 'begin', count: 50 }],
    [
      'counts those that are updating against the fifty',
      { tranche: 2 },
      { updating: 45, idle: 700 },
      { do: 'begin', count: 5 },
    ],
    [
      'waits until updated workspaces are ready',
      {},
      { updating: 1, idle: 9 },
      { do: 'wait', for: 'readiness' },
    ],
    ['watches a tranche that is ready', {}, { ready: 1, idle: 9 }, { do: 'watch' }],
    [
      'watches for the configured time',
      { watchingSince: ago(59) },
      { ready: 1 },
      { do: 'wait', for: 'the watch' },
    ],
    [
      'watches longer while a workspace is not healthy',
      watched,
      { ready: 1, unwell: 1 },
      { do: 'wait', for: 'readiness' },
    ],
    ['advances to the next tranche after the watch', watched, { ready: 1, idle: 9 }, { do: 'advance' }],
    ['completes after the last tranche', { ...watched, tranche: 2 }, { ready: 10 }, { do: 'complete' }],
    [
      'completes although a new workspace is not updated',
      { ...watched, tranche: 2 },
      { ready: 9, idle: 1 },
      { do: 'complete' },
    ],
    ['completes if there is no workspace', { tranche: 2 }, {}, { do: 'complete' }],
    ['halts after a trial', { ...watched, isTrial: true }, { ready: 1 }, { do: 'halt' }],

    ['rolls back when a workspace failed', {}, { failed: 1, updating: 3 }, { do: 'roll_back' }],
    [
      'rolls back when a machine dies during the watch',
      watched,
      { ready: 1, deaths: 1 },
      { do: 'roll_back' },
    ],
    ['tolerates max_failures failures', plan({ max_failures: 1 }), { failed: 1 }, { do: 'watch' }],
    [
      'does not tolerate more than max_failures failures',
      plan({ max_failures: 1 }),
      { failed: 1, ready: 1, deaths: 1 },
      { do: 'roll_back' },
    ],
    [
      'tolerates the usual number of deaths',
      watched,
      { ready: 1, deaths: 2, expectedDeaths: 2.4 },
      { do: 'advance' },
    ],
    [
      'does not tolerate one death more than usual',
      watched,
      { ready: 1, deaths: 3, expectedDeaths: 2.4 },
      { do: 'roll_back' },
    ],

    ['waits for busy workspaces', {}, { busy: 3 }, { do: 'wait', for: 'idleness' }],
    [
      'continues without busy workspaces after busy_seconds',
      { tranche: 1, trancheSince: ago(600) },
      { ready: 1, busy: 3 },
      { do: 'watch' },
    ],
    [
      'does not continue without any updated workspace',
      { trancheSince: ago(6_000) },
      { busy: 3 },
      { do: 'wait', for: 'idleness' },
    ],
    [
      'waits for busy workspaces without limit if when_busy is wait',
      { ...plan({ when_busy: 'wait' }), tranche: 1, trancheSince: ago(1e6) },
      { ready: 1, busy: 3 },
      { do: 'wait', for: 'idleness' },
    ],
    [
      'restarts busy workspaces if when_busy is restart',
      { ...plan({ when_busy: 'restart' }), trancheSince: ago(600) },
      { busy: 3 },
      { do: 'begin', count: 1, busyToo: true },
    ],

    [
      'that rolls back restores idle workspaces at once',
      back,
      { toRestore: 3, toRestoreBusy: 1 },
      { do: 'restore', count: 3, busyToo: false },
    ],
    [
      'that rolls back waits for busy workspaces',
      back,
      { toRestoreBusy: 1 },
      { do: 'wait', for: 'idleness' },
    ],
    [
      'that rolls back restores busy workspaces after busy_seconds',
      { ...back, trancheSince: ago(600) },
      { toRestoreBusy: 1 },
      { do: 'restore', busyToo: true },
    ],
    [
      'that rolls back waits until all are restored',
      back,
      { restoring: 1 },
      { do: 'wait', for: 'readiness' },
    ],
    ['ends its rollback when nothing is left to restore', back, { failed: 1 }, { do: 'end_rollback' }],
  ])('a rollout %s', (_, standing, counted, step) => {
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
