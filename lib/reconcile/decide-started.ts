// The decision for a workspace whose machine should run. Pure; decide.ts chooses between this and the other cases.
import { isTransient } from '../lifecycle/lifecycle.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import type { Machine, Observed, ProvisionProblem } from '../provisioner/provisioner.ts'
import { beforeLaunch, onOutdated } from './decide-disk.ts'
import {
  afterRecoveries,
  deadlineReason,
  goneReason,
  machineReason,
  outsideStopReason,
  problemReason,
  stopReason,
} from './machine-reasons.ts'
import {
  isAbsent,
  isDiskLost,
  isHostLost,
  isOutdated,
  isSilent,
  isStuck,
  isUnrecorded,
  type Liveness,
} from './observation.ts'
import { isExhausted, recoveryPause } from './recoveries.ts'
import type { Step } from './step.ts'

export function decideStarted(workspace: Workspace, observed: Observed, now: Date, liveness: Liveness): Step {
  if (workspace.launchId === null) return beforeLaunch(workspace)
  if (observed.presence === 'unknown') return waitForProvider(workspace, observed.problem)
  if (observed.presence === 'absent') return onAbsent(workspace, now)
  const { machine } = observed
  if (isUnrecorded(workspace, machine) && machine.phase !== 'gone') return { do: 'adopt', machine }
  switch (machine.phase) {
    case 'gone':
      return onGone(workspace, now)
    case 'unknown':
      return onUnreachable(workspace, machine, now, liveness)
    case 'busy':
      return isStuck(workspace, now)
        ? { do: 'go_offline', reason: machineReason('machine_stuck', machine) }
        : { do: 'wait_for_machine', ms: 25_000 }
    case 'failed':
    case 'stopped':
    case 'suspended':
      return isOutdated(workspace) ? onOutdated(workspace, machine) : onStopped(workspace, machine, now)
    case 'started':
      if (isOutdated(workspace)) return onOutdated(workspace, machine)
      if (machine.isCordoned && workspace.status !== 'provisioning') return onCordoned(workspace, machine)
      if (isTransient(workspace.status)) return { do: 'probe' }
      return isSilent(workspace, now, liveness) ? { do: 'check_agent' } : { do: 'rest' }
  }
}

/** Pause between looks at a machine that only Fly or an operator can bring back. */
const LOOK_AGAIN_MS = 15_000

// An unreachable host is not a lost one: the workspace waits, without a deadline, until the host answers or the disk may be
// given up.
function onUnreachable(workspace: Workspace, machine: Machine, now: Date, liveness: Liveness): Step {
  const reason = machineReason('host_unreachable', machine)
  if (isTransient(workspace.status) && isDiskLost(workspace, now, liveness))
    return { do: 'restore_disk', reason }
  if (workspace.status === 'offline') return { do: 'wait', ms: LOOK_AGAIN_MS }
  if (!isHostLost(workspace, now, liveness)) return { do: 'wait', ms: 10_000 }
  return isTransient(workspace.status)
    ? { do: 'wait', ms: LOOK_AGAIN_MS, reason }
    : { do: 'go_offline', reason, isLasting: true }
}

// Requests reach a cordoned machine only after the cordon ends, so its workspace is not ready.
function onCordoned(workspace: Workspace, machine: Machine): Step {
  if (isTransient(workspace.status)) return { do: 'wait', ms: LOOK_AGAIN_MS }
  return { do: 'go_offline', reason: machineReason('cordoned', machine), isLasting: true }
}

/** The deadline of a transient status has passed. */
export function onDeadline(workspace: Workspace, observed: Observed, now: Date): Step {
  const accepted = observed.presence === 'present' ? acceptStop(workspace, observed.machine, now) : undefined
  if (accepted !== undefined) return accepted
  const reason = deadlineReason(workspace, observed)
  const isRunning = observed.presence === 'present' && observed.machine.phase === 'started'
  // An agent that was ready once may come back after a reboot; one that never was would fail again.
  if (workspace.status === 'offline' && isRunning && !isExhausted(workspace, now))
    return { do: 'reboot', reason }
  return { do: 'give_up', reason }
}

function onAbsent(workspace: Workspace, now: Date): Step {
  if (!isAbsent(workspace, now)) return { do: 'suspect_absent', ms: 2_000 }
  // A launch that left nothing behind is repeated: the derived name lets only one machine exist.
  return workspace.machineId === null ? beforeLaunch(workspace) : onGone(workspace, now)
}

function onGone(workspace: Workspace, now: Date): Step {
  // An older generation's machine went away, as when a failed workspace is restarted: nothing was lost.
  if (isOutdated(workspace)) return { do: 'forget_machine' }
  const reason = goneReason(workspace)
  if (isTransient(workspace.status) && isExhausted(workspace, now))
    return { do: 'give_up', reason: afterRecoveries(reason) }
  return { do: 'replace', reason }
}

/**
 * A requested stop or suspend is not a crash: the workspace sleeps. With the policy `restart` it is brought
 * back, until its recoveries are used up. Before the agent has answered, nothing shows that the request is newer than
 * our own start.
 */
function acceptStop(workspace: Workspace, machine: Machine, now: Date): Step | undefined {
  const { stopRequest: stop } = machine
  if (stop === undefined || workspace.status === 'provisioning' || isUnrecorded(workspace, machine))
    return undefined
  if (workspace.onOutsideStop === 'restart' && !isExhausted(workspace, now)) return undefined
  return { do: 'accept_stop', reason: outsideStopReason(machine, stop), stop }
}

function onStopped(workspace: Workspace, machine: Machine, now: Date): Step {
  const accepted = acceptStop(workspace, machine, now)
  if (accepted !== undefined) return accepted
  const reason = stopReason(machine)
  if (!isTransient(workspace.status)) return { do: 'go_offline', reason }
  const isCrashed = machine.exit !== undefined && !machine.exit.requested
  // Fly has restarted it as often as its policy allows; once more would end the same way.
  if (machine.phase === 'failed' || (isCrashed && workspace.status === 'provisioning')) {
    return { do: 'give_up', reason }
  }
  if (isExhausted(workspace, now)) return { do: 'give_up', reason: afterRecoveries(reason) }
  const pause = recoveryPause(workspace) - (now.getTime() - workspace.statusChangedAt.getTime())
  return isCrashed && pause > 0 ? { do: 'wait', ms: pause } : { do: 'start' }
}

/** The provider did not say anything: wait, longer after each failed attempt. */
export function waitForProvider(
  workspace: Workspace,
  problem: ProvisionProblem,
): Extract<Step, { do: 'wait' }> {
  const backoff = Math.min(60_000, 2_000 * 2 ** Math.min(workspace.attempts, 5))
  return { do: 'wait', ms: Math.max(backoff, problem.retryAfterMs ?? 0), reason: problemReason(problem) }
}
