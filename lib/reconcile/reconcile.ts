// Observe → decide → act, for one workspace that this process holds the lease of. Everything that ever happens to a machine
// happens on this road, whoever asked: a request's reconcileNow and the sweep run the same loop.
import type { ReconcileContext } from './context.ts'
import type { Store } from '../platform/context.ts'
import { and, eq } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { type Observed, ProvisionError } from '../provisioner/provisioner.ts'
import { isStopping } from '../platform/context.ts'
import { act, refused } from './act.ts'
import { decide, type Step } from './decide.ts'
import type { Outcome } from './outcome.ts'
import { type ClaimedWorkspace, releaseWorkspace, renewLease } from '../lifecycle/queries.ts'

/** How long a reconcile may stay with its workspace. Past `until` (ms since the epoch) it lets go and leaves the row due; and
 * as soon as the process is to end, so that another finds it free. */
export type Patience = { until: number }

/** Steps taken in one go: more than any path needs, so that a decision that runs in circles cannot keep a process busy. */
const MAX_STEPS = 100

/**
 * Follows one workspace until it rests or patience is over, then releases its lease.
 * @returns whether somebody asked for another look meanwhile, which nobody has taken yet
 */
export async function reconcileWorkspace(
  services: ReconcileContext,
  claimed: ClaimedWorkspace,
  patience: Patience,
): Promise<boolean> {
  const { db } = services
  let row = claimed
  let attempts = row.attempts
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const outcome = await takeStep(services, row, steps)
    // What one invocation may ask for is used up: whoever comes next goes on from here.
    if (outcome === 'let_go') return releaseWorkspace(db, row, { at: services.now(), attempts })
    if (outcome.next === 'rest') {
      return releaseWorkspace(db, row, { at: null, attempts: 0 })
    }
    if (outcome.next === 'wait') {
      attempts = outcome.failed === true ? attempts + 1 : 0
      const left = isStopping(services) ? 0 : patience.until - services.now().getTime()
      if (left <= 0 || (outcome.settle !== true && outcome.ms > left)) {
        const ms = outcome.settle === true ? 1_000 : outcome.ms
        return releaseWorkspace(db, row, { at: new Date(services.now().getTime() + ms), attempts })
      }
      await pause(services, row, outcome, left)
    }
    const renewed = await renewLease(db, row, services.now())
    // Somebody else has it by now, and does what is to be done.
    if (renewed === undefined) return false
    row = { ...renewed, attempts }
  }
  return releaseWorkspace(db, row, { at: new Date(services.now().getTime() + 5_000), attempts: attempts + 1 })
}

async function pause(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  outcome: { ms: number; settle?: boolean },
  left: number,
) {
  const seconds = Math.floor(Math.min(outcome.ms, left) / 1000)
  if (outcome.settle !== true || row.machineId === null || seconds < 1)
    return services.sleep(Math.min(outcome.ms, left), services.stopping)
  const machine = { app: row.app ?? '', machineId: row.machineId }
  await services.provisioner.settle(machine, seconds, services.stopping)
}

/** Requests that a step may need, with the lease's before and after it. A delivery is several statements and calls. */
const LOOK = 6
const COST: Partial<Record<Step['do'], number>> = { launch: 12, update: 9 }

/** What a workspace needs for any of its steps: to be claimed, observed and released too. */
export const RECONCILE_COST = 16

async function takeStep(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  steps: number,
): Promise<Outcome | 'let_go'> {
  if (services.budget.left() < LOOK) return 'let_go'
  const observed: Observed =
    row.launchId === null
      ? { presence: 'absent' }
      : await services.provisioner.observe(row.id, row.app ?? '', row.machineId)
  await noteMachine(services, row, observed)
  const step = decide(row, observed, services.now())
  if (services.budget.left() < (COST[step.do] ?? 0)) return 'let_go'
  try {
    return await act(services, row, step, steps)
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    return refused(services, row, step, error)
  }
}

async function noteMachine({ db, now }: Store, row: ClaimedWorkspace, observed: Observed): Promise<void> {
  if (observed.presence !== 'present') return
  const { machine } = observed
  if (machine.id !== row.machineId) return
  if (machine.state === row.machineState && row.absentSince === null) return
  await db
    .update(workspaces)
    .set({ machineState: machine.state, machineSeenAt: now(), absentSince: null })
    .where(and(eq(workspaces.id, row.id), eq(workspaces.machineId, machine.id)))
}
