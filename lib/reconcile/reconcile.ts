// Observe, decide, act: the loop for one workspace whose lease this process holds. Everything that happens to a
// machine happens here: a request's reconcileNow and the sweep run the same loop.
import { type ClaimedWorkspace, releaseWorkspace, renewLease } from '../lifecycle/queries.ts'
import { machineName } from '../machines/machine-spec.ts'
import { isStopping } from '../platform/context.ts'
import { type Observed, ProvisionError } from '../provisioner/provisioner.ts'
import { act, giveUp } from './act.ts'
import type { ReconcileContext } from './context.ts'
import { nextStep } from './next-step.ts'
import { recordMachine } from './record-machine.ts'
import { onRefusal } from './refusal.ts'
import type { Run, StepResult } from './step-result.ts'
import type { Step } from './step.ts'

/** Steps taken in one run: more than any path needs, so that a decision that loops cannot keep a process busy. */
const MAX_STEPS = 100

/**
 * Follows one workspace until it rests, `until` (ms since the epoch) has passed or the process is shutting down, then
 * releases its lease. A workspace that does not rest yet stays due.
 * @returns whether another look was requested meanwhile and has not been taken yet
 */
export async function reconcileWorkspace(
  services: ReconcileContext,
  claimed: ClaimedWorkspace,
  { until }: { until: number },
): Promise<boolean> {
  const { db } = services
  let row = claimed
  let attempts = row.attempts
  let refusedWaits = 0
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const result = await takeStep(services, row, { steps, until })
    // The invocation's budget is used up: the next reconcile continues from here.
    if (result === 'out_of_budget') return releaseWorkspace(db, row, { at: services.now(), attempts })
    if (result.next === 'released') return false
    if (result.next === 'rest') {
      return releaseWorkspace(db, row, { at: null, attempts: 0 })
    }
    if (result.next === 'wait') {
      if (result.failed === true) attempts++
      else if (result.forMachine !== true) attempts = 0
      const left = isStopping(services) ? 0 : until - services.now().getTime()
      if (left <= 0 || (result.forMachine !== true && result.ms > left)) {
        const ms = result.forMachine === true ? 1_000 : result.ms
        return releaseWorkspace(db, row, { at: new Date(services.now().getTime() + ms), attempts })
      }
      const isHeld = await pause(services, row, result, left, refusedWaits)
      refusedWaits = isHeld ? 0 : refusedWaits + 1
    }
    const renewed = await renewLease(db, row)
    // Another process has the lease by now, and does what remains.
    if (renewed === undefined) return false
    row = { ...renewed, attempts }
  }
  return releaseWorkspace(db, row, { at: new Date(services.now().getTime() + 5_000), attempts: attempts + 1 })
}

/** @returns false when the provider refused to wait, and this process slept instead, longer each time */
async function pause(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  result: { ms: number; forMachine?: boolean },
  left: number,
  refusedWaits: number,
): Promise<boolean> {
  const { provisioner, sleep, stopping } = services
  const ms = Math.min(result.ms, left)
  const seconds = Math.floor(ms / 1000)
  if (result.forMachine !== true || row.machineId === null || seconds < 1) {
    await sleep(ms, stopping)
    return true
  }
  const machine = { app: row.app ?? '', machineId: row.machineId }
  if (await provisioner.waitUntilSettled(machine, seconds, stopping)) return true
  await sleep(Math.min(ms, 10_000, 500 * 2 ** refusedWaits), stopping)
  return false
}

/** Requests of one observation, with the lease's before and after it; and of steps that need more than that. */
const OBSERVE_COST = 6
const STEP_COST: Partial<Record<Step['do'], number>> = {
  launch: 14,
  update: 10,
  create_disk: 12,
  take_snapshot: 8,
  restore_disk: 6,
}

/** Requests that a workspace needs for any of its steps, with its claim, observation and release. */
export const RECONCILE_COST = 16

async function takeStep(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  run: Run,
): Promise<StepResult | 'out_of_budget'> {
  if (services.budget.left() < OBSERVE_COST) return 'out_of_budget'
  const observed: Observed =
    row.launchId === null
      ? { presence: 'absent' }
      : await services.provisioner.observe(
          row.id,
          row.app ?? '',
          row.machineId,
          machineName(row.id, row.machineSeries),
        )
  const recorded = await recordMachine(services, row, observed)
  const step = await nextStep(services, recorded, observed)
  if (services.budget.left() < (STEP_COST[step.do] ?? 0)) return 'out_of_budget'
  try {
    return await act(services, recorded, step, run)
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    const result = await onRefusal(services, recorded, { observed, step }, error)
    return 'giveUp' in result ? giveUp(services, row, result.giveUp) : result
  }
}
