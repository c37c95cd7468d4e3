// Carries out one decided step for one workspace: a call to the provider, a change of the row, or a question to the agent.
import { eq, sql } from 'drizzle-orm'
import { type StoredReason, workspaces } from '../../drizzle/schema.ts'
import { probeAgent } from '../agents/agent-card.ts'
import type { ProvisionError } from '../provisioner/provisioner.ts'
import type { Services } from '../services.ts'
import { provisionDeadline } from './create.ts'
import { problemReason, recoveriesOf, type Step } from './decide.ts'
import { launchMachine, NO_MACHINE, storeMachine, updateMachine } from './launch.ts'
import { isTransient, WANTED_MACHINE } from './lifecycle.ts'
import type { ClaimedWorkspace } from './queries.ts'
import { changeWorkspace, type Fence, transition } from './transition.ts'

/** What a step came to: go on at once, look again after a while (waiting for the machine, if it is one), or all is done. */
export type Outcome =
  | { next: 'again' }
  | { next: 'wait'; ms: number; failed?: boolean; settle?: boolean }
  | { next: 'rest' }

const AGAIN: Outcome = { next: 'again' }

/** @throws ProvisionError when the provider refuses or does not answer: see {@link refused} */
export async function act(
  services: Services,
  row: ClaimedWorkspace,
  step: Step,
  steps: number,
): Promise<Outcome> {
  const { db, provisioner } = services
  const machineId = row.machineId ?? ''
  switch (step.do) {
    case 'rest':
      return { next: 'rest' }
    case 'wait':
      if (step.reason !== undefined) await noteReason(services, row, step.reason)
      return { next: 'wait', ms: step.ms, failed: step.reason !== undefined }
    case 'settle':
      return { next: 'wait', ms: step.ms, settle: true }
    case 'launch':
      await launchMachine(services, row)
      return AGAIN
    case 'update':
      await updateMachine(services, row, machineId)
      return AGAIN
    case 'adopt':
      await storeMachine(services, row, step.machine, 'machine_adopted')
      return AGAIN
    case 'start':
      await provisioner.start(machineId)
      return { next: 'wait', ms: 25_000, settle: true }
    case 'stop':
      await provisioner.stop(machineId)
      return { next: 'wait', ms: 25_000, settle: true }
    case 'destroy':
      await provisioner.destroy(machineId)
      return { next: 'wait', ms: 500 }
    case 'probe':
      return probe(services, row, steps)
    case 'suspect_absent':
      await db
        .update(workspaces)
        .set({
          absentSince: sql`coalesce(${workspaces.absentSince}, ${services.now().toISOString()}::timestamptz)`,
        })
        .where(eq(workspaces.id, row.id))
      return { next: 'wait', ms: step.ms }
    case 'forget_machine':
      await changeWorkspace(db, {
        id: row.id,
        event: 'machine_gone',
        now: services.now(),
        where: sql`${workspaces.launchId} = ${row.launchId}`,
        changes: { ...NO_MACHINE, machineState: 'destroyed' },
        payload: { machine_id: row.machineId },
      })
      return AGAIN
    case 'replace':
      await transition(db, {
        id: row.id,
        event: 'machine_lost',
        now: services.now(),
        fence: fenceOf(row),
        changes: {
          ...NO_MACHINE,
          ...recovering(services, row, step.reason),
          machineState: 'destroyed',
          generation: row.generation + 1,
          registeredAt: null,
        },
        payload: { machine_id: row.machineId, reason: step.reason },
      })
      return AGAIN
    case 'go_offline':
      await transition(db, {
        id: row.id,
        event: 'machine_stopped',
        now: services.now(),
        fence: fenceOf(row),
        changes: { ...recovering(services, row, step.reason), registeredAt: null },
        payload: { machine_id: row.machineId, reason: step.reason },
      })
      return AGAIN
    case 'give_up':
      return giveUp(services, row, step.reason)
  }
}

const fenceOf = (row: ClaimedWorkspace): Fence => ({ generation: row.generation, machineId: row.machineId })

const recovering = ({ config, now }: Services, row: ClaimedWorkspace, reason: StoredReason) => ({
  reason,
  recoveries: recoveriesOf(row, now()) + 1,
  deadlineAt: provisionDeadline(config, row.runtime, now()),
})

async function giveUp({ db, now }: Services, row: ClaimedWorkspace, reason: StoredReason): Promise<Outcome> {
  await transition(db, {
    id: row.id,
    event: 'gave_up',
    now: now(),
    fence: fenceOf(row),
    changes: { reason, deadlineAt: null },
    payload: { machine_id: row.machineId, reason },
  })
  return AGAIN
}

/** What to do about a provider that refused or did not answer. What may pass is tried again; what cannot is a failure. */
export async function refused(
  services: Services,
  row: ClaimedWorkspace,
  error: ProvisionError,
): Promise<Outcome> {
  const { problem } = error
  services.log('warn', 'the provider refused a step', {
    workspace_id: row.id,
    code: problem.code,
    detail: problem.message,
    fly_request_id: problem.requestId,
  })
  if (problem.code === 'machine_gone') return { next: 'wait', ms: 1_000, failed: true }
  const starting = WANTED_MACHINE[row.status] === 'started' && isTransient(row.status)
  if (!problem.retryable && starting) return giveUp(services, row, problemReason(problem))
  await noteReason(services, row, problemReason(problem))
  const backoff = Math.min(problem.retryable ? 30_000 : 300_000, 1_000 * 2 ** Math.min(row.attempts, 8))
  return { next: 'wait', ms: Math.max(backoff, problem.retryAfterMs ?? 0), failed: true }
}

// Why a workspace is not getting on is shown while it is not, and not only once it has failed.
async function noteReason({ db, now }: Services, row: ClaimedWorkspace, reason: StoredReason): Promise<void> {
  if (row.status === 'failed' || row.reason?.code === reason.code) return
  await db.update(workspaces).set({ reason, updatedAt: now() }).where(eq(workspaces.id, row.id))
}

async function probe(services: Services, row: ClaimedWorkspace, steps: number): Promise<Outcome> {
  if (row.machineId === null || row.app === null) return AGAIN
  const answer = await probeAgent(services, { app: row.app, machineId: row.machineId })
  // Eager at first, because most agents are quick; then slower, because a slow one takes minutes (molecule.md §1.3).
  if (!answer.answered) return { next: 'wait', ms: Math.min(2_000, 150 + 75 * steps) }
  const now = services.now()
  await transition(services.db, {
    id: row.id,
    event: 'agent_answered',
    now,
    fence: fenceOf(row),
    changes: { agentCard: answer.card, readyAt: now, reason: null, deadlineAt: null },
    payload: { machine_id: row.machineId },
  })
  return AGAIN
}
