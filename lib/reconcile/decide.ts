// The one decision of the control plane: given a workspace's row and what was just observed, the next single step
// towards what is wanted. Pure: no clock, no I/O. reconcile.ts carries the step out; explain shows it.
import { isTransient, wakeTime, wantedMachine } from '../lifecycle/lifecycle.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { isExternal } from '../machines/runtimes.ts'
import type { Machine, Observed } from '../provisioner/provisioner.ts'
import { afterRemoval, settleDisk } from './decide-disk.ts'
import { decideExternal } from './decide-external.ts'
import { decideStarted, onDeadline, waitForProvider } from './decide-started.ts'
import { isAbsent, isUnrecorded, LAUNCH_SETTLES_MS, type Liveness } from './observation.ts'
import type { Step } from './step.ts'

/** @param liveness the times after which an agent or a host counts as lost, in milliseconds */
export function decide(workspace: Workspace, observed: Observed, now: Date, liveness: Liveness): Step {
  switch (wantedMachine(workspace, now)) {
    case 'none':
      return decideNone(workspace, observed, now)
    case 'stopped':
      return decideAtRest(workspace, observed, now, 'stop')
    case 'asleep':
      if (isWakeDue(workspace, now)) return { do: 'wake' }
      return decideAtRest(workspace, observed, now, 'suspend')
    case 'started':
      if (isExternal(workspace)) return decideExternal(workspace, now, liveness)
      if (isOverdue(workspace, now) && !waitsForHost(workspace, observed))
        return onDeadline(workspace, observed, now)
      return decideStarted(workspace, observed, now, liveness)
  }
}

const isOverdue = ({ deadlineAt, status }: Workspace, now: Date) =>
  isTransient(status) && deadlineAt !== null && now >= deadlineAt

// The disk is on the host of the machine, so only that host, or a snapshot, can bring the workspace back.
const waitsForHost = ({ disk }: Workspace, observed: Observed) =>
  disk !== null && observed.presence === 'present' && observed.machine.phase === 'unknown'

function isWakeDue(workspace: Workspace, now: Date): boolean {
  const at = wakeTime(workspace)
  return at !== null && now >= at
}

function decideNone(workspace: Workspace, observed: Observed, now: Date): Step {
  const machine = machineAtRest(workspace, observed, now)
  if ('do' in machine) {
    if (machine.do !== 'rest') return machine
    return workspace.status === 'removed' ? afterRemoval(workspace) : settleDisk(workspace)
  }
  if (machine.state === 'destroying') return { do: 'wait_for_machine', ms: 10_000 }
  return { do: 'destroy' }
}

function decideAtRest(
  workspace: Workspace,
  observed: Observed,
  now: Date,
  stopVerb: 'stop' | 'suspend',
): Step {
  const machine = machineAtRest(workspace, observed, now)
  if ('do' in machine) return machine.do === 'rest' ? settleDisk(workspace) : machine
  if (machine.phase === 'unknown') return { do: 'wait', ms: 10_000 }
  if (machine.phase === 'busy') return { do: 'wait_for_machine', ms: 25_000 }
  if (machine.phase !== 'started') return { do: 'rest' }
  return { do: ignoresSuspends(workspace) ? 'stop' : stopVerb }
}

/** A machine that should be suspended, and runs on after requests for so long, is stopped. */
const SUSPENDS_WITHIN_MS = 60_000

const ignoresSuspends = ({ lastFailure: last, statusChangedAt }: Workspace) =>
  last?.code === 'still_running' &&
  Date.parse(last.at) - Math.max(Date.parse(last.since ?? last.at), statusChangedAt.getTime()) >=
    SUSPENDS_WITHIN_MS

/** The machine of a workspace that wants none running, or the step that must come before its machine is known. */
function machineAtRest(workspace: Workspace, observed: Observed, now: Date): Machine | Step {
  if (workspace.launchId === null) return { do: 'rest' }
  if (observed.presence === 'unknown') return waitForProvider(workspace, observed.problem)
  if (observed.presence === 'absent') {
    return isAbsent(workspace, now) && isLaunchOver(workspace, now)
      ? { do: 'forget_machine' }
      : { do: 'suspect_absent', ms: workspace.machineId === null ? 5_000 : 1_000 }
  }
  const { machine } = observed
  if (machine.phase === 'gone') return { do: 'forget_machine' }
  return isUnrecorded(workspace, machine) ? { do: 'adopt', machine } : machine
}

/** Whether a create whose answer was lost can no longer be carried out. */
const isLaunchOver = (workspace: Workspace, now: Date) =>
  workspace.machineId !== null ||
  workspace.launchedAt === null ||
  now.getTime() - workspace.launchedAt.getTime() >= LAUNCH_SETTLES_MS
