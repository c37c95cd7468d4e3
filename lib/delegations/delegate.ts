// An agent delegates a task to another without waiting for the answer (docs/facts/molecule.md §3.6): one statement
// stores the message, which is delivered once, and a row with the state of the delegation.
import { and, eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { delegations } from '../../drizzle/schema/index.ts'
import type { ProxyContext } from '../a2a/context.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import { acceptPlatformMessage } from '../messages/accept-platform-message.ts'
import { deliverSoon } from '../messages/deliver.ts'
import { writePlatformMessage } from '../messages/platform-message.ts'
import type { Store } from '../platform/context.ts'
import { isUniqueViolation } from '../platform/database-errors.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { encodeUtf8InSlices } from '../platform/slices.ts'
import { canCommunicate } from '../registry/can-communicate.ts'
import { Assignment, Name, recordDelegationActivity, type WaitUntil } from './task.ts'

/** The body of POST /workspaces/:id/delegate. */
export const DelegateInput = Assignment.extend({ idempotency_key: Name })

export type Delegated = {
  id: string
  /** `delegated`, then `completed` or `failed`. */
  status: string
  targetId: string
  /** The source has used this idempotency key before: this is that delegation, and nothing was sent now. */
  isRepeat: boolean
}

/**
 * @throws DomainError `invalid_input` for a delegation to itself; `not_found` when the source is unknown or removed,
 *   or may not communicate with the target; `too_large`; `idempotency_mismatch` for a key of another target
 * @throws ProxyError WORKSPACE_… when the task can never be delivered; TOO_MANY_MESSAGES_WAITING
 */
export async function delegate(
  services: ProxyContext,
  workspaceId: string,
  input: z.infer<typeof DelegateInput>,
  waitUntil: WaitUntil,
): Promise<Delegated> {
  const { config, db } = services
  const { id: sourceId } = await getLivingWorkspace(db, workspaceId)
  const { target_id: targetId } = input
  if (targetId === sourceId)
    throw invalidField('target_id', 'is the workspace itself: it cannot delegate to itself')
  const key = input.idempotency_key || null
  const first = await findByKey(services, { sourceId, targetId, key })
  if (first !== undefined) return first
  if (!(await canCommunicate(db, sourceId, targetId))) throw unknownPeer(sourceId)

  const id = crypto.randomUUID()
  const body = await encodeUtf8InSlices(messageOf(id, input.task))
  if (body.length > config.a2a.maxBodyBytes) {
    throw new DomainError(
      'too_large',
      `the message for this task would be larger than ${config.a2a.maxBodyBytes} bytes (A2A_MAX_BODY_BYTES): send large data as a URL`,
    )
  }
  const row = { id, sourceId, targetId, task: input.task, key }
  try {
    await acceptPlatformMessage(
      services,
      { workspaceId: targetId, caller: { kind: 'workspace', workspaceId: sourceId }, body },
      insertDelegation(services, row),
    )
  } catch (error) {
    if (key === null || !isUniqueViolation(error)) throw error
    // A concurrent request used the key first. If its delegation has failed since, the key is free again.
    return (
      (await findByKey(services, { sourceId, targetId, key })) ??
      delegate(services, workspaceId, input, waitUntil)
    )
  }
  waitUntil(deliverSoon(services, targetId))
  recordDelegationActivity(services, row, waitUntil)
  return { id, status: 'delegated', targetId, isRepeat: false }
}

const unknownPeer = (sourceId: string) =>
  new DomainError('not_found', 'the target is not a workspace that this one may communicate with', {
    details: { hint: `GET /registry/${sourceId}/peers lists them.` },
  })

/**
 * The target is compared, because a token may be limited to some workspaces, and an earlier target may not be among them.
 * @throws DomainError `idempotency_mismatch`
 */
async function findByKey(
  { db }: Store,
  { key, sourceId, targetId }: { sourceId: string; targetId: string; key: string | null },
): Promise<Delegated | undefined> {
  if (key === null) return undefined
  const [row] = await db
    .select({ id: delegations.id, status: delegations.status, targetId: delegations.targetId })
    .from(delegations)
    .where(and(eq(delegations.sourceId, sourceId), eq(delegations.idempotencyKey, key)))
  if (row === undefined) return undefined
  if (row.targetId === targetId) return { ...row, isRepeat: true }
  throw new DomainError(
    'idempotency_mismatch',
    'this idempotency_key was used for another target_id: use a new key for each task',
  )
}

/** Molecule's runtimes read the delegation's id from the metadata (docs/facts/molecule.md §3.6). */
const messageOf = (id: string, task: string) =>
  writePlatformMessage({
    id,
    messageId: crypto.randomUUID(),
    text: task,
    metadata: { delegation_id: id },
  })

/** Inserts the delegation's row in the statement that stores its message. */
function insertDelegation(
  { db }: Store,
  row: { id: string; sourceId: string; task: string; key: string | null },
) {
  return db.$with('delegated', { id: delegations.id }).as(sql`
    insert into ${delegations} (source_id, id, target_id, task, idempotency_key, message, status, created_at, updated_at)
    select ${row.sourceId}::uuid, ${row.id}::text, workspace_id, ${row.task}::text, ${row.key}::text, id, 'delegated', created_at, created_at
    from stored returning id`)
}
