// Carries out one decided step for one workspace: a call to the provider, a change of the row, or a question to the agent.
import type { Context } from '../config/context.ts'
import type { Core, Store } from '../platform/context.ts'
import type { ReconcileContext } from './context.ts'
import { and, eq, sql } from 'drizzle-orm'
import { type StoredReason, workspaces } from '../../drizzle/schema/index.ts'
import { probeAgent } from './probe-agent.ts'
import { type MachineRef, ProvisionError, type ProvisionProblem } from '../provisioner/provisioner.ts'
import { provisionDeadline } from '../lifecycle/deadline.ts'
import { problemReason, recoveriesOf, type Step } from './decide.ts'
import { launchMachine, NO_MACHINE, storeMachine, updateMachine } from './launch.ts'
import { isTransient, WANTED_MACHINE, type WorkspaceEvent } from '../lifecycle/lifecycle.ts'
import { CONTINUE, type Outcome } from './outcome.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { changeWorkspace, type Fence, transition } from '../lifecycle/transition.ts'

/** @throws ProvisionError when the provider refuses or does not answer: see {@link refused} */
export async function act(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  step: Step,
  steps: number,
): Promise<Outcome> {
  const { provisioner } = services
  const machine: MachineRef = { app: row.app ?? '', machineId: row.machineId ?? '' }
  switch (step.do) {
    case 'rest':
      return { next: 'rest' }
    case 'wait':
      if (step.reason !== undefined) await noteFailure(services, row, step.reason)
      return { next: 'wait', ms: step.ms, failed: step.reason !== undefined }
    case 'settle':
      return { next: 'wait', ms: step.ms, settle: true }
    case 'launch':
      return launchMachine(services, row)
    case 'update':
      await updateMachine(services, row, machine)
      return CONTINUE
    case 'adopt':
      await storeMachine(services, row, step.machine, 'machine_adopted')
      return CONTINUE
    case 'start':
      await provisioner.start(machine)
      if (row.status === 'offline') await countRecovery(services, row)
      return { next: 'wait', ms: 25_000, settle: true }
    case 'stop':
      await provisioner.stop(machine)
      return { next: 'wait', ms: 25_000, settle: true }
    case 'suspend':
      await provisioner.suspend(machine)
      return { next: 'wait', ms: 25_000, settle: true }
    case 'destroy':
      await provisioner.destroy(machine)
      return { next: 'wait', ms: 500 }
    case 'probe':
      return probe(services, row, machine, steps)
    case 'check_agent':
      return checkAgent(services, row, machine)
    case 'suspect_absent':
      await services.db
        .update(workspaces)
        .set({
          absentSince: sql`coalesce(${workspaces.absentSince}, ${services.now().toISOString()}::timestamptz)`,
        })
        .where(eq(workspaces.id, row.id))
      return { next: 'wait', ms: step.ms }
    case 'forget_machine':
      await changeWorkspace(services, {
        id: row.id,
        event: 'machine_gone',
        now: services.now(),
        where: sql`${workspaces.launchId} = ${row.launchId}`,
        changes: { ...NO_MACHINE, machineState: 'destroyed' },
        payload: { machine_id: row.machineId },
      })
      return CONTINUE
    case 'replace':
      return move(services, row, 'machine_lost', step.reason, {
        ...NO_MACHINE,
        ...newGeneration(services, row),
        machineState: 'destroyed',
      })
    case 'reboot':
      return move(services, row, 'agent_lost', step.reason, newGeneration(services, row))
    case 'go_offline':
      return move(services, row, 'machine_stopped', step.reason, offline(services, row))
    case 'give_up':
      return giveUp(services, row, step.reason)
  }
}

const fenceOf = (row: ClaimedWorkspace): Fence => ({ generation: row.generation, machineId: row.machineId })

const newGeneration = ({ config, now }: Context, row: ClaimedWorkspace) => ({
  generation: row.generation + 1,
  recoveries: recoveriesOf(row, now()) + 1,
  deadlineAt: provisionDeadline(config, row.runtime, now()),
  registeredAt: null,
  lastHeartbeatAt: null,
})

const offline = ({ config, now }: Context, row: ClaimedWorkspace) => ({
  recoveries: recoveriesOf(row, now()),
  deadlineAt: provisionDeadline(config, row.runtime, now()),
  registeredAt: null,
})

type MoveChanges = NonNullable<Parameters<typeof transition>[1]['changes']>

/** Moves the status by what was observed of this very machine and generation. */
async function move(
  services: Core,
  row: ClaimedWorkspace,
  event: WorkspaceEvent,
  reason: StoredReason,
  changes: MoveChanges,
): Promise<Outcome> {
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

const giveUp = (services: Core, row: ClaimedWorkspace, reason: StoredReason) =>
  move(services, row, 'gave_up', reason, { deadlineAt: null })

async function countRecovery(services: Core, row: ClaimedWorkspace): Promise<void> {
  await changeWorkspace(services, {
    id: row.id,
    event: 'machine_restarted',
    now: services.now(),
    fence: fenceOf(row),
    changes: { recoveries: sql`${workspaces.recoveries} + 1` },
    payload: { machine_id: row.machineId },
  })
}

/**
 * What to do about a provider that refused or did not answer. What may pass is tried again; what cannot is a failure of
 * the workspace that is being started, and a reason to keep trying, ever slower, to get rid of a machine.
 */
export async function refused(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  step: Step,
  error: ProvisionError,
): Promise<Outcome> {
  const { problem } = error
  const { code, message, requestId } = problem
  services.log('warn', 'the provider refused a step', {
    workspace_id: row.id,
    step: step.do,
    code,
    detail: message,
    fly_request_id: requestId,
  })
  await noteFailure(services, row, problemReason(problem))
  const starting = WANTED_MACHINE[row.status] === 'started' && isTransient(row.status)
  if (!problem.retryable && starting) return giveUp(services, row, problemReason(problem))
  if (
    code === 'no_capacity' &&
    (step.do === 'start' || step.do === 'update') &&
    row.app !== null &&
    row.machineId !== null
  ) {
    // Its host is full. Nothing of value is on it (its root file system starts anew anyway), so it is made elsewhere.
    await services.provisioner.destroy({ app: row.app, machineId: row.machineId }).catch(tryAgainLater)
  }
  return { next: 'wait', ms: backoff(row, problem), failed: true }
}

// The next attempt meets the same full host, and comes by here again.
function tryAgainLater(error: unknown): void {
  if (!(error instanceof ProvisionError)) throw error
}

/** Milliseconds until the next attempt; half of it is chance, so that many who failed together do not return together. */
function backoff(row: ClaimedWorkspace, problem: ProvisionProblem): number {
  const most = problem.retryable ? 30_000 : 300_000
  const ms = Math.min(most, 1_000 * 2 ** Math.min(row.attempts, 9))
  return Math.max(ms / 2 + (Math.random() * ms) / 2, problem.retryAfterMs ?? 0)
}

// Why a workspace is not getting on is shown while it is not, and not only once it has failed.
async function noteFailure({ db, now }: Store, row: ClaimedWorkspace, reason: StoredReason): Promise<void> {
  const lastFailure = { ...reason, at: now().toISOString() }
  await db
    .update(workspaces)
    .set({ lastFailure, ...(isTransient(row.status) ? { reason } : {}) })
    .where(and(eq(workspaces.id, row.id), eq(workspaces.status, row.status)))
}

async function probe(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  machine: MachineRef,
  steps: number,
): Promise<Outcome> {
  const answer = await probeAgent(services, machine)
  // Eager at first, because most agents are quick; then slower, because a slow one takes minutes (molecule.md §1.3).
  if (!answer.answered) return { next: 'wait', ms: Math.min(2_000, 150 + 75 * steps) }
  const now = services.now()
  await transition(services, {
    id: row.id,
    event: 'agent_answered',
    now,
    fence: fenceOf(row),
    changes: { agentCard: answer.card, readyAt: now, lastActiveAt: now, reason: null, deadlineAt: null },
    payload: { machine_id: row.machineId },
  })
  return CONTINUE
}

/** How long an agent that fell silent has to come back before its machine is booted anew. */
const COMEBACK_MS = 120_000

async function checkAgent(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  machine: MachineRef,
): Promise<Outcome> {
  const answer = await probeAgent(services, machine)
  const now = services.now()
  if (answer.answered) {
    await services.db.update(workspaces).set({ machineSeenAt: now }).where(eq(workspaces.id, row.id))
    return { next: 'rest' }
  }
  return move(
    services,
    row,
    'agent_silent',
    {
      code: 'agent_silent',
      message: `The machine runs, but its agent sent no heartbeat and does not answer (${answer.why}).`,
      hint: `It is booted anew if it stays silent. Read its log: fly logs --machine ${machine.machineId}`,
    },
    {
      recoveries: recoveriesOf(row, now),
      deadlineAt: new Date(now.getTime() + COMEBACK_MS),
      registeredAt: null,
    },
  )
}
