// The task of a delegation: its limits, its summary in lists, and the activity that is recorded for its source.
import { z } from 'zod'
import type { ProxyContext } from '../a2a/context.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { workspaceIdInput } from '../platform/uuid.ts'

/** Longest task, in UTF-16 units. */
const MAX_TASK_LENGTH = 1_000_000

/** Length of a task's summary in lists, in UTF-16 units. */
export const SUMMARY_LENGTH = 200

/** A name that agents give to a delegation: its id or its idempotency key. Empty counts as none. */
export const Name = boundedText().max(200).nullish()

/** The members that POST …/delegate and …/delegations/record share. */
export const Assignment = z.object({
  target_id: workspaceIdInput(),
  task: boundedText()
    .max(MAX_TASK_LENGTH)
    .refine((task) => task.trim() !== '', 'must not be empty'),
})

/** Registers work that continues after the answer. */
export type WaitUntil = (work: Promise<unknown>) => void

/** Records that a workspace delegated a task. */
export function recordDelegationActivity(
  { activity, now }: Pick<ProxyContext, 'activity' | 'now'>,
  { sourceId, targetId, task }: { sourceId: string; targetId: string; task: string },
  waitUntil: WaitUntil,
): void {
  const written = activity.record({
    workspaceId: sourceId,
    type: 'a2a_send',
    sourceId,
    targetId,
    method: 'delegate',
    summary: task.slice(0, SUMMARY_LENGTH),
    durationMs: null,
    status: 'ok',
    errorDetail: null,
    at: now(),
  })
  if (written !== undefined) waitUntil(written)
}
