// Carries out one decided step for one workspace: a call to the provider, a change of the row, or a question to the
// agent.
import { and, eq } from 'drizzle-orm'
import { type StoredReason, workspaces } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'
import { provisionDeadline } from '../lifecycle/deadline.ts'
import { isTransient } from '../lifecycle/lifecycle.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { type Fence, transition } from '../lifecycle/transition.ts'
import { wakeWorkspace } from '../lifecycle/wake.ts'
import type { Core } from '../platform/context.ts'
import type { MachineRef } from '../provisioner/provisioner.ts'
import { createDisk, deleteDisk, findDisk, forgetDisk } from './act-disk.ts'
import { missAgent, welcomeAgent } from './act-external.ts'
import { newGeneration } from './new-generation.ts'
import { NO_MACHINE } from './no-machine.ts'
import { moveDisk, restoreLostDisk, takeSnapshot } from './copy-disk.ts'
import type { ReconcileContext } from './context.ts'
import { hasDisk } from './disk-row.ts'
import { countRecovery, forgetMachine, recordAbsence } from './record-machine.ts'
import { launchMachine, storeMachine, updateMachine } from './launch.ts'
import { keepLastLines } from './last-lines.ts'
import { DEFERRED_MS } from './next-step.ts'
import { isReachableByHttp } from './agent-interfaces.ts'
import { notReachableByHttp } from './store-card.ts'
import { type Probe, probeAgent } from './probe-agent.ts'
import { recoveriesOf } from './recoveries.ts'
import { recordFailure } from './refusal.ts'
import { reasonFor } from '../platform/reasons.ts'
import { CONTINUE, type Run, STATE_CHANGE, type StepResult } from './step-result.ts'
import type { Step } from './step.ts'
import { endRun } from './end-run.ts'
import { findWork } from './work.ts'

/** The steps about disks that need no more than the row. */
const DISK_STEPS = {
  create_disk: createDisk,
  find_disk: findDisk,
  take_snapshot: takeSnapshot,
  move_disk: moveDisk,
  delete_disk: deleteDisk,
  forget_disk: forgetDisk,
}

/** @throws ProvisionError when the provider refuses or does not answer: see refusal.ts */
export async function act(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  step: Step,
  run: Run,
): Promise<StepResult> {
  const { provisioner } = services
  const machine: MachineRef = { app: row.app ?? '', machineId: row.machineId ?? '' }
  switch (step.do) {
    case 'rest':
      return { next: 'rest' }
    case 'wait':
      if (step.reason !== undefined) await recordFailure(services, row, step.reason)
      return { next: 'wait', ms: step.ms, failed: step.reason !== undefined }
    case 'wait_for_machine':
      return { next: 'wait', ms: step.ms, forMachine: true }
    case 'launch':
      return launchMachine(services, row, run)
    case 'update':
      await updateMachine(services, row, machine)
      return CONTINUE
    case 'adopt':
      await storeMachine(services, row, step.machine, 'machine_adopted')
      return CONTINUE
    case 'create_disk':
    case 'find_disk':
    case 'take_snapshot':
    case 'move_disk':
    case 'delete_disk':
    case 'forget_disk':
      return hasDisk(row) ? DISK_STEPS[step.do](services, row, run) : CONTINUE
    case 'restore_disk':
      return (
        (hasDisk(row) ? await restoreLostDisk(services, row, step.reason) : undefined) ??
        giveUp(services, row, step.reason)
      )
    case 'start':
      await provisioner.start(machine)
      if (row.status === 'offline') await countRecovery(services, row)
      return STATE_CHANGE
    case 'stop':
    case 'suspend':
    case 'destroy':
      return endRun(services, row, step.do)
    case 'wake':
      await wakeWorkspace(services, row, { cause: 'time' })
      return CONTINUE
    case 'probe':
      // Short pauses first, because most agents are quick; then longer ones, because a slow one takes minutes
      // (docs/facts/molecule.md §1.3).
      return probe(services, row, machine, step.deferred?.ms ?? Math.min(2_000, 150 + 75 * run.steps))
    case 'check_agent':
      return checkAgent(services, row, machine)
    case 'welcome_agent':
      return welcomeAgent(services, row)
    case 'miss_agent':
      return missAgent(services, row, step)
    case 'suspect_absent':
      await recordAbsence(services, row)
      return { next: 'wait', ms: step.ms }
    case 'forget_machine':
      await forgetMachine(services, row)
      return CONTINUE
    case 'replace':
      return move(services, row, 'machine_lost', step.reason, {
        ...NO_MACHINE,
        ...newGeneration(services, row),
        machineState: 'destroyed',
      })
    case 'reboot':
      return move(services, row, 'agent_lost', step.reason, newGeneration(services, row))
    case 'undo_drift':
      return move(services, row, 'drift_undone', step.reason, newGeneration(services, row))
    case 'go_offline':
      return move(services, row, 'machine_stopped', step.reason, {
        ...offline(services, row),
        ...(step.isLasting === true ? { deadlineAt: null } : {}),
      })
    case 'accept_stop':
      return acceptStop(services, row, step)
    case 'give_up':
      return giveUp(services, row, step.reason)
  }
}

const fenceOf = (row: ClaimedWorkspace): Fence => ({ generation: row.generation, machineId: row.machineId })

const offline = ({ config, now }: Context, row: ClaimedWorkspace) => ({
  recoveries: recoveriesOf(row, now()),
  deadlineAt: provisionDeadline(config, row.runtime, now()),
  registeredAt: null,
})

type MoveChanges = NonNullable<Parameters<typeof transition>[1]['changes']>

/** Changes the status because of an observation of exactly this machine and generation. */
async function move(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  event: 'machine_lost' | 'agent_lost' | 'machine_stopped' | 'agent_silent' | 'drift_undone',
  reason: StoredReason,
  changes: MoveChanges,
): Promise<StepResult> {
  await keepLastLines(services, row, reason)
  const payload = { machine_id: row.machineId, reason }
  await transition(services, {
    id: row.id,
    event,
    now: services.now(),
    fence: fenceOf(row),
    changes: { ...changes, reason },
    payload,
  })
  return CONTINUE
}

/** The machine, if there may be one, is kept for a while: what went wrong can be seen in it, and it can be started. */
export async function giveUp(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  reason: StoredReason,
): Promise<StepResult> {
  await keepLastLines(services, row, reason)
  const now = services.now()
  const { failedMachineRetentionMs } = services.config.sleep
  const keptUntil =
    row.launchId === null || failedMachineRetentionMs === 0
      ? null
      : new Date(now.getTime() + failedMachineRetentionMs)
  await transition(services, {
    id: row.id,
    event: 'gave_up',
    now,
    fence: fenceOf(row),
    changes: { deadlineAt: null, reason, machineKeptUntil: keptUntil },
    payload: { machine_id: row.machineId, reason, machine_kept_until: keptUntil?.toISOString() ?? null },
  })
  return CONTINUE
}

async function acceptStop(
  services: Core,
  row: ClaimedWorkspace,
  { reason, stop }: Extract<Step, { do: 'accept_stop' }>,
): Promise<StepResult> {
  await transition(services, {
    id: row.id,
    event: 'stop_accepted',
    now: services.now(),
    fence: fenceOf(row),
    changes: { deadlineAt: null, reason },
    payload: {
      machine_id: row.machineId,
      reason,
      stop: { ...stop, at: stop.at?.toISOString() ?? null },
    },
  })
  return CONTINUE
}

/**
 * Whether an answer makes a workspace ready: a card does; any other answer needs a sign of life in this generation.
 */
const isAlive = ({ answer }: Probe, row: ClaimedWorkspace) =>
  answer === 'card' || (answer === 'other' && (row.registeredAt !== null || row.lastHeartbeatAt !== null))

async function probe(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  machine: MachineRef,
  pauseMs: number,
): Promise<StepResult> {
  const answer = await probeAgent(services, machine)
  if (!isAlive(answer, row)) {
    await recordProbe(services, row, answer)
    return { next: 'wait', ms: pauseMs }
  }
  const now = services.now()
  const reason = isReachableByHttp(answer.card ?? row.agentCard) ? null : notReachableByHttp()
  await transition(services, {
    id: row.id,
    event: reason === null ? 'agent_answered' : 'http_not_offered',
    now,
    fence: fenceOf(row),
    changes: {
      ...(answer.card === undefined ? {} : { agentCard: answer.card }),
      lastProbe: probeColumn(answer, row, now),
      readyAt: now,
      lastActiveAt: now,
      reason,
      deadlineAt: null,
    },
    payload: { machine_id: row.machineId, ...(reason === null ? {} : { reason }) },
  })
  return CONTINUE
}

const probeColumn = (answer: Probe, row: ClaimedWorkspace, now: Date) => ({
  at: now.toISOString(),
  answered: isAlive(answer, row),
  detail: answer.detail,
})

/** Stores an answer that changed. A workspace that came back without a deadline gets one. */
async function recordProbe(
  { config, db, now }: ReconcileContext,
  row: ClaimedWorkspace,
  answer: Probe,
): Promise<void> {
  const isNew = row.lastProbe?.detail !== answer.detail
  const needsDeadline = isTransient(row.status) && row.deadlineAt === null
  if (!isNew && !needsDeadline) return
  await db
    .update(workspaces)
    .set({
      lastProbe: probeColumn(answer, row, now()),
      ...(needsDeadline ? { deadlineAt: provisionDeadline(config, row.runtime, now()) } : {}),
    })
    .where(and(eq(workspaces.id, row.id), eq(workspaces.status, row.status)))
}

async function checkAgent(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  machine: MachineRef,
): Promise<StepResult> {
  const answer = await probeAgent(services, machine)
  const now = services.now()
  if (isAlive(answer, row)) {
    await services.db
      .update(workspaces)
      .set({ machineSeenAt: now, lastProbe: probeColumn(answer, row, now) })
      .where(eq(workspaces.id, row.id))
    return { next: 'rest' }
  }
  await recordProbe(services, row, answer)
  if ((await findWork(services, row)) !== undefined) return { next: 'wait', ms: DEFERRED_MS }
  const help = services.provisioner.help(machine)
  const details = { app: machine.app, machine: machine.machineId, detail: answer.detail, ...help }
  return move(services, row, 'agent_silent', reasonFor('agent_silent', details), {
    recoveries: recoveriesOf(row, now),
    deadlineAt: new Date(now.getTime() + services.config.liveness.comebackMs),
    registeredAt: null,
  })
}
