// Ends the run of a machine: stop, suspend, destroy. A provider may accept that and not do it. Where no deadline ends the requests, the
// pause between them grows, and the reason is shown.
import { isTransient } from '../lifecycle/lifecycle.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { reasonFor } from '../platform/reasons.ts'
import type { ReconcileContext } from './context.ts'
import { recordFailure } from './refusal.ts'
import { STATE_CHANGE, type StepResult } from './step-result.ts'

/** The pause before a request that was accepted and had no effect is repeated, in milliseconds. */
export const repeatAfter = (attempts: number) => Math.min(300_000, 2_500 * 2 ** attempts)

/** @throws ProvisionError */
export async function endRun(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  verb: 'stop' | 'suspend' | 'destroy',
): Promise<StepResult> {
  const { provisioner } = services
  const machine = { app: row.app ?? '', machineId: row.machineId ?? '' }
  await provisioner[verb](machine)
  const soon = verb === 'destroy' ? ({ next: 'wait', ms: 500 } as const) : STATE_CHANGE
  if (isTransient(row.status)) return soon
  if (row.attempts === 0) return { ...soon, failed: true }
  const details = { machine: machine.machineId, ...provisioner.help(machine) }
  await recordFailure(services, row, reasonFor('still_running', details))
  // Attempts before it were perhaps refused.
  const attempts = row.lastFailure?.code === 'still_running' ? row.attempts : 1
  return { next: 'wait', ms: repeatAfter(attempts), failed: true }
}
