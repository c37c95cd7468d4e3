// What follows when the provider refuses a step or does not answer. What may pass is tried again; what cannot pass
// ends a workspace that is being started, and is repeated at growing intervals where a machine must be removed.
import { and, eq } from 'drizzle-orm'
import { type StoredReason, workspaces } from '../../drizzle/schema/index.ts'
import { isTransient } from '../lifecycle/lifecycle.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import type { Store } from '../platform/context.ts'
import { ProvisionError, type ProvisionProblem } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from './context.ts'
import { problemReason } from './machine-reasons.ts'
import type { StepResult } from './step-result.ts'
import type { Step } from './step.ts'

/** @returns what follows, or the reason to give the workspace up for */
export async function onRefusal(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  step: Step,
  { problem }: ProvisionError,
): Promise<StepResult | { giveUp: StoredReason }> {
  const { code, message, provider } = problem
  services.log('warn', 'the provider refused a step', {
    workspace_id: row.id,
    step: step.do,
    code,
    detail: message,
    fly_status: provider?.status,
    fly_text: provider?.text,
    fly_request_id: provider?.request_id,
  })
  const reason = problemReason(problem)
  await recordFailure(services, row, reason)
  if (!problem.retryable && isTransient(row.status)) return { giveUp: reason }
  const isOnFullHost = code === 'no_capacity' && (step.do === 'start' || step.do === 'update')
  if (isOnFullHost && row.app !== null && row.machineId !== null) {
    // Nothing of value is on the machine (its root file system starts anew anyway): it is created on another host.
    await services.provisioner.destroy({ app: row.app, machineId: row.machineId }).catch(ignoreProvisionError)
  }
  return { next: 'wait', ms: backoff(row, problem), failed: true }
}

// The next attempt meets the same full host, and tries to destroy the machine again.
function ignoreProvisionError(error: unknown): void {
  if (!(error instanceof ProvisionError)) throw error
}

/**
 * Milliseconds until the next attempt. Half of it is random, so that workspaces that failed together do not return
 * together.
 */
function backoff(row: ClaimedWorkspace, problem: ProvisionProblem): number {
  const longest = problem.retryable ? 30_000 : 300_000
  const ms = Math.min(longest, 1_000 * 2 ** Math.min(row.attempts, 9))
  return Math.max(ms / 2 + (Math.random() * ms) / 2, problem.retryAfterMs ?? 0)
}

/** Stores why a workspace makes no progress, so that it is shown before the workspace has failed. */
export async function recordFailure(
  { db, now }: Store,
  row: ClaimedWorkspace,
  reason: StoredReason,
): Promise<void> {
  const lastFailure = { ...reason, at: now().toISOString() }
  await db
    .update(workspaces)
    .set({ lastFailure, ...(isTransient(row.status) ? { reason } : {}) })
    .where(and(eq(workspaces.id, row.id), eq(workspaces.status, row.status)))
}
