// Records delegations that an agent sends by itself, and their results as the agent reports them, so that its list of
// delegations is complete (docs/facts/molecule.md §3.6). The agent cannot change delegations that the control plane
// delivers.
import { and, eq, isNull } from 'drizzle-orm'
import { z } from 'zod'
import { delegations } from '../../drizzle/schema/index.ts'
import type { ProxyContext } from '../a2a/context.ts'
import { PREVIEW_LENGTH } from '../a2a/wire/read-answer.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import type { Store } from '../platform/context.ts'
import { DomainError } from '../platform/errors.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { Assignment, Name, recordDelegationActivity, type WaitUntil } from './task.ts'

/** The body of POST /workspaces/:id/delegations/record. */
export const RecordDelegationInput = Assignment.extend({ delegation_id: Name })

// Agents send "" for none, or the text of an exception.
const ReportedText = boundedText().max(100_000).nullish()

/** The body of POST /workspaces/:id/delegations/:delegation_id/update. */
export const UpdateDelegationInput = z.object({
  status: z.enum(['completed', 'failed']),
  error: ReportedText,
  response_preview: ReportedText,
})

/**
 * Stores a delegation once: the same id again changes nothing.
 * @returns its id
 * @throws DomainError `not_found`, also when the source is removed; `conflict` for the id of one that the control
 *   plane delivers
 */
export async function recordDelegation(
  services: Store & Pick<ProxyContext, 'activity'>,
  workspaceId: string,
  input: z.infer<typeof RecordDelegationInput>,
  waitUntil: WaitUntil,
): Promise<string> {
  const { db } = services
  const { id: sourceId } = await getLivingWorkspace(db, workspaceId)
  const id = input.delegation_id || crypto.randomUUID()
  const now = services.now()
  const row = { sourceId, id, targetId: input.target_id, task: input.task }
  const [recorded] = await db
    .insert(delegations)
    .values({ ...row, status: 'recorded', createdAt: now, updatedAt: now })
    .onConflictDoNothing()
    .returning({ id: delegations.id })
  if (recorded === undefined) await assertRecorded(services, sourceId, id)
  else recordDelegationActivity(services, row, waitUntil)
  return id
}

/**
 * Stores the result of a recorded delegation. Texts are cut to the length of a preview.
 * @throws DomainError `not_found`; `conflict` for one that the control plane delivers
 */
export async function updateDelegation(
  services: Store,
  workspaceId: string,
  id: string,
  input: z.infer<typeof UpdateDelegationInput>,
): Promise<void> {
  const { db, now } = services
  const { id: sourceId } = await getLivingWorkspace(db, workspaceId)
  const [updated] = await db
    .update(delegations)
    .set({
      status: input.status,
      error: cut(input.error),
      responsePreview: cut(input.response_preview),
      updatedAt: now(),
    })
    .where(and(eq(delegations.sourceId, sourceId), eq(delegations.id, id), isNull(delegations.message)))
    .returning({ id: delegations.id })
  if (updated === undefined) await assertRecorded(services, sourceId, id)
}

const cut = (text: string | null | undefined) => text?.slice(0, PREVIEW_LENGTH).toWellFormed() || null

async function assertRecorded({ db }: Store, sourceId: string, id: string): Promise<void> {
  const [row] = await db
    .select({ message: delegations.message })
    .from(delegations)
    .where(and(eq(delegations.sourceId, sourceId), eq(delegations.id, id)))
  if (row === undefined) throw new DomainError('not_found', 'delegation not found')
  if (row.message !== null) {
    throw new DomainError(
      'conflict',
      'the control plane delivers this delegation and records its result itself',
    )
  }
}
