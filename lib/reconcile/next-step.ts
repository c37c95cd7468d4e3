// The next step of a workspace: the pure decision, put off where it would end work that is under way.
import type { Workspace } from '../lifecycle/workspace.ts'
import type { Observed } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from './context.ts'
import { decide } from './decide.ts'
import type { Step } from './step.ts'
import { findWork } from './work.ts'

/** Pause until work that defers a step is looked at again. */
export const DEFERRED_MS = 15_000

export async function nextStep(
  services: ReconcileContext,
  row: Workspace,
  observed: Observed,
): Promise<Step> {
  const step = decide(row, observed, services.now(), services.config.liveness)
  const isRunning = observed.presence === 'present' && observed.machine.phase === 'started'
  if (!isRunning || (step.do !== 'reboot' && step.do !== 'give_up')) return step
  const work = await findWork(services, row)
  return work === undefined ? step : deferredBy(work)
}

export const deferredBy = (work: string): Step => ({
  do: 'wait',
  ms: DEFERRED_MS,
  note: `Its agent does not answer, but ${work}: the machine is left alone.`,
})
