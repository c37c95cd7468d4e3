// The one decision of the control plane: given a workspace's row and what was just observed, the next single step towards
// what is wanted. Pure: no clock, no I/O. reconcile.ts carries it out; explain tells it to people.
import type { Workspace } from '../lifecycle/workspace.ts'
import { isTransient, WANTED_MACHINE } from '../lifecycle/lifecycle.ts'
import type { StoredReason } from '../../drizzle/schema/index.ts'
import type { Machine, Observed, ProvisionProblem } from '../provisioner/provisioner.ts'

export type Step =
  /** Make the machine. */
  | { do: 'launch' }
  /** The machine was made or updated, but that is not stored yet: its answer was lost. */
  | { do: 'adopt'; machine: Machine }
  /** Give the machine the newest generation's spec. */
  | { do: 'update' }
  | { do: 'start' }
  | { do: 'stop' }
  | { do: 'suspend' }
  | { do: 'destroy' }
  /** Ask the agent for its card; an answer makes the workspace ready. */
  | { do: 'probe' }
  /** The agent has been silent: ask it for its card before believing anything. */
  | { do: 'check_agent' }
  /** The machine is not there: remember since when, look again in `ms`. */
  | { do: 'suspect_absent'; ms: number }
  /** The machine is gone for certain: forget it. */
  | { do: 'forget_machine' }
  /** A machine that should be running is gone for certain: begin a new generation. */
  | { do: 'replace'; reason: StoredReason }
  /** The agent does not come back in its machine: boot that with a new generation. */
  | { do: 'reboot'; reason: StoredReason }
  | { do: 'go_offline'; reason: StoredReason }
  | { do: 'give_up'; reason: StoredReason }
  /** The machine is between states: wait for it, `ms` at most. */
  | { do: 'settle'; ms: number }
  /** Nothing can be done now: look again in `ms`. */
  | { do: 'wait'; ms: number; reason?: StoredReason }
  /** All is as wanted. */
  | { do: 'rest' }

/** An absence must last this long before it is believed: right after a create or in a lagging list a machine is missing (fly.md §11.1, §11.5). */
export const ABSENCE_MS = 5_000

/** A create whose answer was lost may still be carried out this long after it was asked for (fly.md §2.2: 17 s was seen). */
export const LAUNCH_SETTLES_MS = 60_000

/** Recoveries of one workspace before it is given up. */
export const MAX_RECOVERIES = 5

/** A workspace that was ready for this long has recovered. */
const STEADY_MS = 3_600_000

/** Without a heartbeat for this long an agent is asked for its card. Long model calls keep agents from beating (molecule.md §7.13). */
export const SILENCE_MS = 180_000

const seconds = (n: number) => n * 1000

export function decide(workspace: Workspace, observed: Observed, now: Date): Step {
  switch (WANTED_MACHINE[workspace.status]) {
    case 'none':
      return decideNone(workspace, observed, now)
    case 'stopped':
      return decideAtRest(workspace, observed, now, 'stop')
    case 'asleep':
      return decideAtRest(workspace, observed, now, 'suspend')
    case 'started':
      if (isTransient(workspace.status) && workspace.deadlineAt !== null && now >= workspace.deadlineAt) {
        return lateStep(workspace, observed, now)
      }
      return decideStarted(workspace, observed, now)
  }
}

function decideNone(workspace: Workspace, observed: Observed, now: Date): Step {
  const machine = machineAtRest(workspace, observed, now)
  if ('do' in machine) return machine
  if (machine.state === 'destroying') return { do: 'settle', ms: seconds(10) }
  return { do: 'destroy' }
}

function decideAtRest(
  workspace: Workspace,
  observed: Observed,
  now: Date,
  quieten: 'stop' | 'suspend',
): Step {
  const machine = machineAtRest(workspace, observed, now)
  if ('do' in machine) return machine
  if (machine.phase === 'unknown') return { do: 'wait', ms: seconds(10) }
  if (machine.phase === 'busy') return { do: 'settle', ms: seconds(25) }
  return machine.phase === 'started' ? { do: quieten } : { do: 'rest' }
}

/** The machine of a workspace that wants none running, or the step that comes before anything can be said of it. */
function machineAtRest(workspace: Workspace, observed: Observed, now: Date): Machine | Step {
  if (workspace.launchId === null) return { do: 'rest' }
  if (observed.presence === 'unknown') return unknownStep(workspace, observed.problem)
  if (observed.presence === 'absent') {
    return isGone(workspace, now) && launchSettled(workspace, now)
      ? { do: 'forget_machine' }
      : { do: 'suspect_absent', ms: workspace.machineId === null ? seconds(5) : seconds(1) }
  }
  const { machine } = observed
  if (machine.phase === 'gone') return { do: 'forget_machine' }
  return isNews(workspace, machine) ? { do: 'adopt', machine } : machine
}

function decideStarted(workspace: Workspace, observed: Observed, now: Date): Step {
  if (workspace.launchId === null) return { do: 'launch' }
  if (observed.presence === 'unknown') return unknownStep(workspace, observed.problem)
  if (observed.presence === 'absent') return absentStep(workspace, now)
  const { machine } = observed
  if (isNews(workspace, machine) && machine.phase !== 'gone') return { do: 'adopt', machine }
  switch (machine.phase) {
    case 'gone':
      return goneStep(workspace, now)
    case 'unknown':
      return { do: 'wait', ms: seconds(10) }
    case 'busy':
      return { do: 'settle', ms: seconds(25) }
    case 'failed':
    case 'stopped':
    case 'suspended':
      return isBehind(workspace) ? renewStep(workspace, machine) : quietStep(workspace, machine, now)
    case 'started':
      if (isBehind(workspace)) return renewStep(workspace, machine)
      if (isTransient(workspace.status)) return { do: 'probe' }
      return isSilent(workspace, now) ? { do: 'check_agent' } : { do: 'rest' }
  }
}

const isNews = (workspace: Workspace, machine: Machine) =>
  machine.id !== workspace.machineId ||
  (machine.labels !== undefined && machine.labels.generation !== workspace.machineGeneration)

const isBehind = (workspace: Workspace) => (workspace.machineGeneration ?? 0) < workspace.generation

/** Agents that never beat are not expected to: some cannot call home. */
const isSilent = (workspace: Workspace, now: Date) =>
  workspace.lastHeartbeatAt !== null && now.getTime() - workspace.lastHeartbeatAt.getTime() >= SILENCE_MS

const isGone = (workspace: Workspace, now: Date) =>
  workspace.absentSince !== null && now.getTime() - workspace.absentSince.getTime() >= ABSENCE_MS

const launchSettled = (workspace: Workspace, now: Date) =>
  workspace.machineId !== null ||
  workspace.launchedAt === null ||
  now.getTime() - workspace.launchedAt.getTime() >= LAUNCH_SETTLES_MS

/** Recoveries that count against the bound: an hour of being ready since the last one wipes the slate. */
export const recoveriesOf = (workspace: Workspace, now: Date) =>
  workspace.readyAt !== null &&
  workspace.status === 'ready' &&
  now.getTime() - workspace.readyAt.getTime() > STEADY_MS
    ? 0
    : workspace.recoveries

const isExhausted = (workspace: Workspace, now: Date) => recoveriesOf(workspace, now) >= MAX_RECOVERIES

function absentStep(workspace: Workspace, now: Date): Step {
  if (!isGone(workspace, now)) return { do: 'suspect_absent', ms: seconds(2) }
  // A launch that left nothing behind is simply made again: the derived name lets only one of them exist.
  return workspace.machineId === null ? { do: 'launch' } : goneStep(workspace, now)
}

function goneStep(workspace: Workspace, now: Date): Step {
  // An older generation's machine went away, as when a failed workspace is restarted: nothing was lost.
  if (isBehind(workspace)) return { do: 'forget_machine' }
  const reason = goneReason(workspace.machineId ?? '')
  if (isTransient(workspace.status) && isExhausted(workspace, now))
    return { do: 'give_up', reason: crashLoop(reason) }
  return { do: 'replace', reason }
}

// A machine keeps its region for life: another region means another machine.
function renewStep(workspace: Workspace, machine: Machine): Step {
  return workspace.regions.includes(machine.region) ? { do: 'update' } : { do: 'destroy' }
}

function quietStep(workspace: Workspace, machine: Machine, now: Date): Step {
  if (!isTransient(workspace.status)) return { do: 'go_offline', reason: causeOf(machine) }
  const crashed = machine.exit !== undefined && !machine.exit.requested
  // Fly has restarted it as often as its policy allows; once more would end the same way.
  if (machine.phase === 'failed' || (crashed && workspace.status === 'provisioning')) {
    return { do: 'give_up', reason: causeOf(machine) }
  }
  if (isExhausted(workspace, now)) return { do: 'give_up', reason: crashLoop(causeOf(machine)) }
  const pause = recoveryPause(workspace) - (now.getTime() - workspace.statusChangedAt.getTime())
  return crashed && pause > 0 ? { do: 'wait', ms: pause } : { do: 'start' }
}

/** Milliseconds between a crash and its recovery: 0 at first, then 2 s, doubling with each recovery. */
export const recoveryPause = (workspace: Workspace) =>
  workspace.recoveries === 0 ? 0 : Math.min(seconds(300), seconds(2 ** workspace.recoveries))

function lateStep(workspace: Workspace, observed: Observed, now: Date): Step {
  const reason = lateReason(workspace, observed)
  const running = observed.presence === 'present' && observed.machine.phase === 'started'
  // An agent that was ready once may come back with a fresh boot; one that never was would fail again.
  if (workspace.status === 'offline' && running && !isExhausted(workspace, now))
    return { do: 'reboot', reason }
  return { do: 'give_up', reason }
}

function unknownStep(workspace: Workspace, problem: ProvisionProblem): Step {
  const backoff = Math.min(seconds(60), seconds(2) * 2 ** Math.min(workspace.attempts, 5))
  return { do: 'wait', ms: Math.max(backoff, problem.retryAfterMs ?? 0), reason: problemReason(problem) }
}

/** A backend's problem as the reason of a workspace. */
export const problemReason = (problem: ProvisionProblem): StoredReason => ({
  code: problem.code,
  message: problem.message,
  hint: problem.hint,
  ...(problem.requestId === undefined ? {} : { fly_request_id: problem.requestId }),
})

const reasonOf = (code: string, message: string, hint: string): StoredReason => ({ code, message, hint })

const goneReason = (machineId: string) =>
  reasonOf(
    'machine_gone',
    `Machine ${machineId} no longer exists.`,
    'It was destroyed outside this control plane, or its host was lost.',
  )

const crashLoop = (last: StoredReason): StoredReason => ({
  ...last,
  message: `Given up after ${MAX_RECOVERIES} recoveries. ${last.message}`,
})

/** Why a machine that should run does not, as far as the backend's events tell. */
export function causeOf(machine: Machine): StoredReason {
  if (machine.trouble !== undefined) {
    return reasonOf(
      'image_unpullable',
      `The machine could not start: ${machine.trouble}`,
      `Check that ${machine.image} exists and is public, or mirror it to registry.fly.io: Fly cannot log in to other registries.`,
    )
  }
  const { exit } = machine
  if (exit?.oomKilled === true) {
    return reasonOf('out_of_memory', 'The agent ran out of memory and was killed.', 'Use a higher tier.')
  }
  if (exit !== undefined && !exit.requested) {
    const code = exit.exitCode ?? 'unknown'
    return reasonOf(
      'crashed',
      `The agent's process ended by itself (exit ${code}).`,
      'Read its log: fly logs --machine ' + machine.id,
    )
  }
  if (machine.phase === 'failed') {
    return reasonOf(
      'machine_failed',
      'The machine failed to start.',
      `Look at its events: fly machine status ${machine.id}`,
    )
  }
  return reasonOf(
    'stopped_outside',
    `Machine ${machine.id} is ${machine.state}, and this control plane did not ask for it.`,
    'To keep a machine stopped, pause its workspace.',
  )
}

function lateReason(workspace: Workspace, observed: Observed): StoredReason {
  if (observed.presence === 'unknown') return problemReason(observed.problem)
  // Whatever kept it from being made was noted when it happened, and says more than the deadline does.
  if (observed.presence === 'absent') {
    return (
      workspace.reason ??
      reasonOf('never_launched', 'No machine could be made in time.', 'Restart the workspace to try again.')
    )
  }
  const { machine } = observed
  const crashed = machine.exit !== undefined && !machine.exit.requested
  if (machine.phase === 'gone') return goneReason(machine.id)
  if (machine.phase === 'unknown') {
    return reasonOf(
      'host_unreachable',
      `The host of machine ${machine.id} did not answer in time.`,
      'Restart the workspace to try again, in another region if it goes on.',
    )
  }
  if (machine.phase === 'failed' || crashed) return causeOf(machine)
  // What was noted on the way says more than the state that it left the machine in; but one that is being made is past it.
  const noted = machine.phase === 'busy' && workspace.status === 'provisioning' ? null : workspace.reason
  if (machine.phase !== 'started') {
    return (
      noted ??
      reasonOf(
        'never_started',
        `Machine ${machine.id} was still ${machine.state} when its time was up.`,
        'Restart the workspace to try again. An image that takes this long to pull needs a higher PROVISION_TIMEOUT_SECONDS.',
      )
    )
  }
  if (isBehind(workspace)) {
    return (
      noted ??
      reasonOf(
        'never_updated',
        `Machine ${machine.id} did not get its new configuration in time.`,
        'Restart the workspace to try again.',
      )
    )
  }
  return workspace.registeredAt === null
    ? reasonOf(
        'never_registered',
        'The machine runs, but its agent neither registered nor answered on port 8000 in time.',
        `Read its log: fly logs --machine ${machine.id}`,
      )
    : reasonOf(
        'never_listened',
        'The agent registered, but did not answer on port 8000 in time.',
        `Check that it binds 0.0.0.0:8000: fly logs --machine ${machine.id}`,
      )
}
