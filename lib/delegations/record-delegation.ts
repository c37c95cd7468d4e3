// An agent that sends a task to another by itself tells us so, and later what came of it, so that its list of delegations is
// the whole (molecule.md §3.6). What we carry ourselves is not the agent's to tell.
import type { ProxyContext } from '../a2a/context.ts'
import type { Store } from '../platform/context.ts'
import { and, eq, isNull } from 'drizzle-orm'
import { z } from 'zod'
import { delegations } from '../../drizzle/schema/index.ts'
import { PREVIEW_LENGTH } from '../a2a/wire/read-answer.ts'
import { DomainError } from '../platform/errors.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import { Assignment, Name, recordDelegationActivity, type WaitUntil } from './task.ts'

/** The body of POST /workspaces/:id/delegations/record. */
export const RecordDelegationInput = Assignment.extend({ delegation_id: Name })

// Agents send "" for nothing, and whatever an exception says.
const Words = boundedText().max(100_000).nullish()

/** The body of POST /workspaces/:id/delegations/:delegation_id/update. */
export const UpdateDelegationInput = z.object({
  status: z.enum(['completed', 'failed']),
  error: Words,
  response_preview: Words,
})

/**
 * Keeps a delegation, once: the same id again changes nothing.
 * @returns its id
 * @throws DomainError `not_found`, also when the source is removed; `conflict` when the id is that of one which we carry
 */
export async function recordDelegation(
  services: ProxyContext,
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
 * Keeps how a recorded delegation ended. Texts are cut to what is shown of them.
 * @throws DomainError `not_found`; `conflict` when we carry it, and know better
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
      'this delegation is carried by the control plane, which knows what became of it',
    )
  }
}
