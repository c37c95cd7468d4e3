// The one decision of a rollout: given its state and its figures, the next single step. Pure: no clock, no I/O.
import type { RolloutPlan, RolloutReason, StoredReason } from '../../drizzle/schema/index.ts'

export type Standing = {
  state: 'running' | 'rolling_back'
  plan: RolloutPlan
  /** It halts after the workspaces that were named to try it first. */
  isTrial: boolean
  tranche: number
  trancheSince: Date
  watchingSince: Date | null
}

/** Numbers of workspaces, unless stated otherwise. */
export type Counted = {
  /** Reached, and restarting. */
  updating: number
  /** Reached, and once ready on the image. */
  ready: number
  /** Of those: not ready at present. */
  unwell: number
  /** Reached, and not ready in time or given up. */
  failed: number
  /** Why the first of them failed. */
  failure: StoredReason | RolloutReason | null
  /** Failures since the image was given, of those that did not fail to start (count-failures.ts). */
  deaths: number
  /** The number of failures that would be usual by now. */
  expectedDeaths: number
  /** Not reached, ready and without work. */
  idle: number
  /** Not reached, ready and at work. */
  busy: number
  /** To be returned to the earlier image: idle, and at work. */
  toRestore: number
  toRestoreBusy: number
  /** Returned to the earlier image, and restarting. */
  restoring: number
}

export type RolloutStep =
  /** Give the image to so many more. */
  | { do: 'begin'; count: number; busyToo: boolean }
  /** All of the tranche are ready: watch them from now on. */
  | { do: 'watch' }
  | { do: 'advance' }
  /** The named workspaces run it: wait for `resume` or `rollback`. */
  | { do: 'halt'; reason: RolloutReason }
  | { do: 'roll_back'; reason: RolloutReason }
  | { do: 'complete' }
  /** Return so many to the earlier image. */
  | { do: 'restore'; count: number; busyToo: boolean }
  | { do: 'end_rollback' }
  | { do: 'wait'; for: 'readiness' | 'idleness' | 'the watch' }

/**
 * The most workspaces of a rollout that restart at once: as many as a sweep reconciles. More would wait and miss
 * their deadlines.
 */
const AT_ONCE = 50

const secondsSince = (since: Date, now: Date) => (now.getTime() - since.getTime()) / 1000

export function decideRollout(rollout: Standing, counted: Counted, now: Date): RolloutStep {
  return rollout.state === 'rolling_back'
    ? decideRollback(rollout, counted, now)
    : decideForward(rollout, counted, now)
}

function decideRollback({ plan, trancheSince }: Standing, counted: Counted, now: Date): RolloutStep {
  const { restoring, toRestore, toRestoreBusy } = counted
  const room = AT_ONCE - restoring
  if (room <= 0) return { do: 'wait', for: 'readiness' }
  if (toRestore > 0) return { do: 'restore', count: Math.min(toRestore, room), busyToo: false }
  if (toRestoreBusy > 0) {
    return secondsSince(trancheSince, now) < plan.busy_seconds
      ? { do: 'wait', for: 'idleness' }
      : { do: 'restore', count: Math.min(toRestoreBusy, room), busyToo: true }
  }
  return restoring > 0 ? { do: 'wait', for: 'readiness' } : { do: 'end_rollback' }
}

function decideForward(rollout: Standing, counted: Counted, now: Date): RolloutStep {
  const { plan, tranche, watchingSince } = rollout
  const failure = failureOf(plan, counted)
  if (failure !== undefined) return { do: 'roll_back', reason: failure }

  const reached = counted.updating + counted.ready + counted.failed
  const missing = (plan.targets[tranche] ?? Infinity) - reached
  if (watchingSince === null) {
    const next = Math.min(missing, counted.idle, AT_ONCE - counted.updating)
    if (next > 0) return { do: 'begin', count: next, busyToo: false }
    if (counted.updating > 0 || counted.unwell > 0) return { do: 'wait', for: 'readiness' }
    if (missing > 0 && counted.busy > 0) {
      const step = decideBusy(rollout, counted, missing, now)
      if (step !== undefined) return step
    }
    // There is none to watch.
    return reached === 0 ? nextTranche(rollout) : { do: 'watch' }
  }
  if (counted.updating > 0 || counted.unwell > 0) return { do: 'wait', for: 'readiness' }
  return secondsSince(watchingSince, now) < plan.watch_seconds
    ? { do: 'wait', for: 'the watch' }
    : nextTranche(rollout)
}

/** What to do about busy workspaces once no idle one is left for the tranche; undefined: continue without them. */
function decideBusy(
  { plan, trancheSince }: Standing,
  { busy, ready }: Counted,
  missing: number,
  now: Date,
): RolloutStep | undefined {
  const isOver = secondsSince(trancheSince, now) >= plan.busy_seconds
  if (isOver && plan.when_busy === 'restart')
    return { do: 'begin', count: Math.min(missing, busy, AT_ONCE), busyToo: true }
  // An image that has run nowhere yet is not distributed further.
  if (isOver && plan.when_busy === 'skip' && ready > 0) return undefined
  return { do: 'wait', for: 'idleness' }
}

function nextTranche({ isTrial, plan, tranche }: Standing): RolloutStep {
  if (isTrial) {
    const message = 'The workspaces that were named to try the image run it.'
    return {
      do: 'halt',
      reason: { code: 'trial_over', message, hint: 'Resume it for all others, or roll it back.' },
    }
  }
  return tranche < plan.targets.length ? { do: 'advance' } : { do: 'complete' }
}

/** Why the image is bad, if it is: more failures than are allowed, beyond what was usual before. */
function failureOf(plan: RolloutPlan, counted: Counted): RolloutReason | undefined {
  const { deaths, expectedDeaths, failed, failure } = counted
  const unusual = Math.max(0, deaths - Math.floor(expectedDeaths))
  if (failed + unusual <= plan.max_failures) return undefined
  const allowed = `${plan.max_failures} ${plan.max_failures === 1 ? 'is' : 'are'} allowed (max_failures)`
  const hint =
    'Its workspaces return to the earlier image. Publish another one; the events of the workspaces show what happened.'
  if (failed > 0) {
    const why = failure === null ? '' : ` The first: ${failure.message}`
    const message = `${count(failed, 'workspace')} did not become ready on the new image; ${allowed}.${why}`
    return { code: 'not_ready', message, hint }
  }
  const usual = expectedDeaths.toFixed(1)
  const message = `Workspaces on the new image died, fell silent or reported trouble ${count(deaths, 'time')}, where ${usual} were to be expected; ${allowed}.`
  return { code: 'deaths', message, hint }
}

const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
