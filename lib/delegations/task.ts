// What is asked of another agent: how long it may be, how lists show it, and the trace it leaves among the source's activity.
import type { ProxyContext } from '../a2a/context.ts'
import { z } from 'zod'
import { boundedText } from '../platform/postgres-text.ts'

/** Longest task, in UTF-16 units. */
const MOST_TEXT = 1_000_000

/** Characters of a task that lists show. */
export const SUMMARY_LENGTH = 200

/** A name that agents give to a delegation: its id, or the key by which they ask once. Empty counts as none. */
export const Name = boundedText().max(200).nullish()

/** What POST …/delegate and …/delegations/record have in common. */
export const Assignment = z.object({
  target_id: z.uuid('must be a UUID'),
  task: boundedText()
    .max(MOST_TEXT)
    .refine((task) => task.trim() !== '', 'must not be empty'),
})

/** A promise that goes on after the answer. */
export type WaitUntil = (work: Promise<unknown>) => void

/** Notes that a workspace has given a task to another. */
export function recordDelegationActivity(
  { activity, now }: ProxyContext,
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
