// One agent gives a task to another and does not wait for it (molecule.md §3.6): a stored message that is delivered once, and
// a row that says what became of it, in one statement.
import type { ProxyContext } from '../a2a/context.ts'
import type { Store } from '../platform/context.ts'
import { and, eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { delegations } from '../../drizzle/schema/index.ts'
import { parseEnvelope } from '../a2a/wire/json-rpc.ts'
import { toBytes } from '../a2a/response/response-writer.ts'
import { canCommunicate } from '../registry/can-communicate.ts'
import { isUniqueViolation } from '../platform/database-errors.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { acceptMessage } from '../messages/accept.ts'
import { deliverSoon } from '../messages/deliver.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import { Assignment, Name, recordDelegationActivity, type WaitUntil } from './task.ts'

/** The body of POST /workspaces/:id/delegate. */
export const DelegateInput = Assignment.extend({ idempotency_key: Name })

export type Delegated = {
  id: string
  /** `delegated`, then `completed` or `failed`. */
  status: string
  targetId: string
  /** The same source used the same key before: this is what came of that, and nothing was sent now. */
  isRepeat: boolean
}

/**
 * @throws DomainError `invalid_input` for a task to itself; `not_found` when the source is unknown or removed, or may not talk
 *   to the target; `too_large`
 * @throws ProxyError WORKSPACE_… when the task could never arrive; TOO_MANY_MESSAGES_WAITING
 */
export async function delegate(
  services: ProxyContext,
  workspaceId: string,
  input: z.infer<typeof DelegateInput>,
  waitUntil: WaitUntil,
): Promise<Delegated> {
  const { config, db } = services
  const { id: sourceId } = await getLivingWorkspace(db, workspaceId)
  const targetId = input.target_id.toLowerCase()
  if (targetId === sourceId)
    throw invalidField('target_id', 'is the workspace itself: it cannot delegate to itself')
  const key = input.idempotency_key || null
  const first = await findByKey(services, sourceId, key)
  if (first !== undefined) return first
  if (!(await canCommunicate(db, sourceId, targetId))) throw noSuchPeer(sourceId)

  const id = crypto.randomUUID()
  const text = messageOf(id, input.task)
  const body = toBytes(text)
  if (body.length > config.a2a.maxBodyBytes) {
    throw new DomainError(
      'too_large',
      `the task makes a message of more than ${config.a2a.maxBodyBytes} bytes`,
    )
  }
  const row = { id, sourceId, targetId, task: input.task, key }
  try {
    await acceptMessage(
      services,
      {
        workspaceId: targetId,
        caller: { kind: 'workspace', workspaceId: sourceId },
        headers: [
          ['content-type', 'application/json'],
          ['accept', 'application/json'],
        ],
        query: '',
        envelope: parseEnvelope(body).envelope,
        text,
      },
      insertOf(services, row),
    )
  } catch (error) {
    if (key === null || !isUniqueViolation(error)) throw error
    // Another request with this key was quicker. It is there, unless it has failed since and its key is free again.
    return (await findByKey(services, sourceId, key)) ?? delegate(services, workspaceId, input, waitUntil)
  }
  waitUntil(deliverSoon(services, targetId))
  recordDelegationActivity(services, row, waitUntil)
  return { id, status: 'delegated', targetId, isRepeat: false }
}

const noSuchPeer = (sourceId: string) =>
  new DomainError('not_found', 'there is no such workspace among those that it may talk to', {
    details: { hint: `GET /registry/${sourceId}/peers lists them.` },
  })

async function findByKey(
  { db }: Store,
  sourceId: string,
  key: string | null,
): Promise<Delegated | undefined> {
  if (key === null) return undefined
  const [row] = await db
    .select({ id: delegations.id, status: delegations.status, targetId: delegations.targetId })
    .from(delegations)
    .where(and(eq(delegations.sourceId, sourceId), eq(delegations.idempotencyKey, key)))
  return row && { ...row, isRepeat: true }
}

/** A2A 0.3, which all of Molecule's runtimes speak; they find the delegation's id in its metadata (molecule.md §1.7, §3.6). */
const messageOf = (id: string, task: string) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id,
    method: 'message/send',
    params: {
      message: {
        kind: 'message',
        role: 'user',
        messageId: crypto.randomUUID(),
        parts: [{ kind: 'text', text: task }],
        metadata: { delegation_id: id },
      },
    },
  })

/** The delegation's row, made with its message or not at all. */
function insertOf({ db }: Store, row: { id: string; sourceId: string; task: string; key: string | null }) {
  return db.$with('delegated', { id: delegations.id }).as(sql`
    insert into ${delegations} (source_id, id, target_id, task, idempotency_key, message, status, created_at, updated_at)
    select ${row.sourceId}::uuid, ${row.id}::text, workspace_id, ${row.task}::text, ${row.key}::text, id, 'delegated', created_at, created_at
    from stored returning id`)
}
