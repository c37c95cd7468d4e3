// What follows when the provider refuses a step or does not answer. What may pass is tried again; what cannot pass
// ends a workspace that is being started, and is repeated at growing intervals where a machine must be removed.
import { and, eq } from 'drizzle-orm'
import { type StoredReason, workspaces } from '../../drizzle/schema/index.ts'
import { isTransient } from '../lifecycle/lifecycle.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import type { Store } from '../platform/context.ts'
import type { Observed, ProvisionError, ProvisionProblem } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from './context.ts'
import { fullHostReason, leaveHost, waitForHost } from './full-host.ts'
import { problemReason } from './machine-reasons.ts'
import type { StepResult } from './step-result.ts'
import type { Step } from './step.ts'

/** @returns what follows, or the reason to give the workspace up for */
export async function onRefusal(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  { observed, step }: { observed: Observed; step: Step },
  { problem }: ProvisionError,
): Promise<StepResult | { giveUp: StoredReason }> {
  const { code, message, provider } = problem
  services.log('warn', 'the provider refused a step', {
    workspace_id: row.id,
    step: step.do,
    code,
    detail: message,
    provider_status: provider?.status,
    provider_text: provider?.text,
    provider_request_id: provider?.request_id,
  })
  const phase = observed.presence === 'present' ? observed.machine.phase : undefined
  const isOnFullHost = FULL.includes(code) && (step.do === 'start' || step.do === 'update')
  const reason = isOnFullHost ? fullHostReason(problemReason(problem), phase) : problemReason(problem)
  const since = await recordFailure(services, row, reason)
  if (!problem.retryable && isTransient(row.status)) return { giveUp: reason }
  const ms = backoff(row, problem)
  if (!isOnFullHost) return { next: 'wait', ms, failed: true }
  const left = waitForHost(phase, since, services.now())
  return left > 0
    ? { next: 'wait', ms: Math.min(ms, left), failed: true }
    : leaveHost(services, row, problemReason(problem), phase)
}

const FULL: readonly ProvisionProblem['code'][] = ['no_capacity', 'disk_host_full']

/**
 * Milliseconds until the next attempt. Half of it is random, so that workspaces that failed together do not return
 * together.
 */
function backoff(row: ClaimedWorkspace, problem: ProvisionProblem): number {
  const longest = problem.retryable ? 30_000 : 300_000
  const ms = Math.min(longest, 1_000 * 2 ** Math.min(row.attempts, 9))
  return Math.max(ms / 2 + (Math.random() * ms) / 2, problem.retryAfterMs ?? 0)
}

/**
 * Stores why a workspace makes no progress, so that it is shown before the workspace has failed.
 * @returns since when it makes none for this reason, within its present status
 */
export async function recordFailure(
  { db, now }: Store,
  row: ClaimedWorkspace,
  reason: StoredReason,
): Promise<Date> {
  const { lastFailure: last, statusChangedAt } = row
  const at = now().toISOString()
  const isSame = last?.code === reason.code && new Date(last.at) >= statusChangedAt
  const since = isSame ? (last.since ?? last.at) : at
  await db
    .update(workspaces)
    .set({ lastFailure: { ...reason, at, since }, ...(isTransient(row.status) ? { reason } : {}) })
    .where(and(eq(workspaces.id, row.id), eq(workspaces.status, row.status)))
  return new Date(since)
}
