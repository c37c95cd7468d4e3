// Why a machine does not run, from what the provider shows of it: the reasons that decisions carry. Pure.
import type { StoredReason } from '../../drizzle/schema/index.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { type ReasonCode, reasonFor } from '../platform/reasons.ts'
import type { Machine, Observed, ProvisionProblem, StopRequest } from '../provisioner/provisioner.ts'
import { isOutdated } from './observation.ts'
import { MAX_RECOVERIES } from './recoveries.ts'

/** A provider's problem as the reason of a workspace. */
export const problemReason = (problem: ProvisionProblem): StoredReason => ({
  code: problem.code,
  message: problem.message,
  hint: problem.hint,
  ...(problem.provider === undefined ? {} : { provider: problem.provider }),
})

export const goneReason = ({ app, machineId }: Workspace) =>
  reasonFor('machine_gone', { app, machine: machineId })

export const afterRecoveries = (last: StoredReason): StoredReason => ({
  ...last,
  message: `Given up after ${MAX_RECOVERIES} recoveries. ${last.message}`,
})

const detailsOf = ({ app, help, id, image, state }: Machine) => ({
  app,
  machine: id,
  image,
  state,
  ...help,
})

export const machineReason = (code: ReasonCode, machine: Machine): StoredReason =>
  reasonFor(code, detailsOf(machine))

/** Why a machine does not run that others have stopped or suspended. */
export function outsideStopReason(machine: Machine, stop: StopRequest): StoredReason {
  return stop.limitMinutes === undefined
    ? reasonFor('stopped_outside', { ...detailsOf(machine), detail: describeStop(stop) })
    : reasonFor('stopped_after_minutes', { ...detailsOf(machine), detail: String(stop.limitMinutes) })
}

const describeStop = ({ source, verb }: StopRequest) =>
  `${verb === 'suspend' ? 'suspended' : 'stopped'} by request${source === null ? '' : ` (source: ${source})`}`

/** Why a machine that should run does not, as far as the provider's events show. */
export function stopReason(machine: Machine): StoredReason {
  const details = detailsOf(machine)
  if (machine.startError !== undefined) {
    const reason = reasonFor(machine.startError.code, details)
    return { ...reason, message: `${reason.message} The provider: ${machine.startError.text}` }
  }
  const { exit } = machine
  if (exit?.oomKilled === true) return reasonFor('out_of_memory', details)
  if (exit !== undefined && !exit.requested) {
    return reasonFor('crashed', { ...details, exit: String(exit.exitCode ?? 'unknown') })
  }
  if (machine.stopRequest !== undefined) return outsideStopReason(machine, machine.stopRequest)
  return reasonFor(machine.phase === 'failed' ? 'machine_failed' : 'stopped_unexplained', details)
}

/** Why a workspace is not ready at its deadline. */
export function deadlineReason(workspace: Workspace, observed: Observed): StoredReason {
  if (observed.presence === 'unknown') return problemReason(observed.problem)
  // What kept it from being created was stored when it happened, and says more than the deadline does.
  if (observed.presence === 'absent') return workspace.reason ?? reasonFor('never_launched')
  const { machine } = observed
  const details = detailsOf(machine)
  const isCrashed = machine.exit !== undefined && !machine.exit.requested
  if (machine.phase === 'gone') return reasonFor('machine_gone', details)
  if (machine.phase === 'unknown') return reasonFor('host_unreachable', details)
  if (machine.phase === 'failed' || isCrashed) return stopReason(machine)
  // A stored reason says more than the state that it left the machine in; one that is being created is past it.
  const stored = machine.phase === 'busy' && workspace.status === 'provisioning' ? null : workspace.reason
  if (machine.phase !== 'started') return stored ?? reasonFor('never_started', details)
  if (isOutdated(workspace)) return stored ?? reasonFor('never_updated', details)
  if (machine.isCordoned) return reasonFor('cordoned', details)
  const detail = workspace.lastProbe?.detail ?? 'it was not asked'
  return reasonFor(workspace.registeredAt === null ? 'never_registered' : 'never_listened', {
    ...details,
    detail,
  })
}
