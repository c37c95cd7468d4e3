// Finishes a stored message: its answer, or why there is none. The same statement updates the delegation that the
// message carried.
import { and, eq, inArray, isNotNull, lte, sql, type WithSubquery } from 'drizzle-orm'
import { delegations, messages, type StoredFailure, workspaces } from '../../drizzle/schema/index.ts'
import type { CollectedAnswer } from '../a2a/response/collect-response.ts'
import { type AnswerText, PREVIEW_LENGTH, readAnswer } from '../a2a/wire/read-answer.ts'
import type { Context } from '../config/context.ts'
import { appendEvent } from '../events/append-event.ts'
import type { Store } from '../platform/context.ts'
import { isDatabaseUnavailable } from '../platform/database-errors.ts'
import { isFree } from '../platform/lease.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'
import { encodeBase64InSlices } from '../platform/slices.ts'
import { type Message, MESSAGE_FACTS, retentionMs } from './message.ts'

export type MessageResult =
  | { state: 'answered'; answer: CollectedAnswer }
  | { state: 'failed' | 'unknown'; failure: StoredFailure }

/** Repeated within the lease, so that an answer is not lost to a short outage of the database. */
const ATTEMPTS = 5
const PAUSE_MS = 5_000

/**
 * @param also a further part of the statement, which reads the CTE `finished`
 * @returns false when the message was not being sent any more; nothing was changed then
 */
export async function finishMessage(
  services: Context,
  message: Message,
  result: MessageResult,
  also?: WithSubquery,
): Promise<boolean> {
  const outcome = await columnsOf(result)
  for (let attempt = 1; ; attempt++) {
    try {
      return await storeResult(services, message, outcome, also)
    } catch (error) {
      if (attempt === ATTEMPTS || !isDatabaseUnavailable(error)) throw error
      await services.sleep(PAUSE_MS)
    }
  }
}

type ResultColumns = {
  message: Partial<Message>
  delegation: Partial<typeof delegations.$inferInsert>
}

async function columnsOf(result: MessageResult): Promise<ResultColumns> {
  const { state } = result
  if (!('answer' in result))
    return { message: { state, failure: result.failure }, delegation: await delegationAfter(result) }
  const { body, status, type } = result.answer
  const delegation = await delegationAfter(result)
  const response = await encodeBase64InSlices(body)
  const answered = { responseStatus: status, responseType: type, response }
  return { message: { state, failure: null, ...answered }, delegation }
}

async function storeResult(
  services: Context,
  message: Message,
  result: ResultColumns,
  also: WithSubquery | undefined,
): Promise<boolean> {
  const { config, db } = services
  const now = services.now()
  const finished = db.$with('finished').as(
    db
      .update(messages)
      .set({
        ...result.message,
        finishedAt: now,
        leasedUntil: null,
        expiresAt: new Date(now.getTime() + retentionMs(config.a2a.messageRetentionHours)),
      })
      .where(
        and(
          eq(messages.id, message.id),
          eq(messages.state, 'sending'),
          eq(messages.attempts, message.attempts),
        ),
      )
      .returning(EVENT_COLUMNS),
  )
  const delegated = db.$with('delegated').as(
    db
      .update(delegations)
      .set({ ...result.delegation, updatedAt: now })
      .where(sql`${delegations.message} in (select id from finished)`)
      .returning({ id: delegations.id }),
  )
  const logged = appendResults(db, 'finished', now)
  const rows = await db
    .with(finished, delegated, logged, ...(also === undefined ? [] : [also]))
    .select({ id: finished.id })
    .from(finished)
  return rows.length > 0
}

/**
 * The delegation that the message carried. If it certainly failed, its idempotency key is free again, as in Molecule
 * (core: handlers/delegation.go); if it may have arrived, it keeps the key, so that nothing is sent twice.
 */
async function delegationAfter(result: MessageResult): Promise<Partial<typeof delegations.$inferInsert>> {
  const preview = 'answer' in result ? await textOrError(result.answer) : { error: result.failure.message }
  // A cut may split a surrogate pair, which not every driver can send.
  const cut = (text: string) => text.slice(0, PREVIEW_LENGTH).toWellFormed()
  if ('text' in preview) return { status: 'completed', error: null, responsePreview: cut(preview.text) }
  const freed = result.state === 'unknown' ? {} : { idempotencyKey: null }
  return { status: 'failed', error: cut(preview.error), responsePreview: null, ...freed }
}

async function textOrError({ body, status }: CollectedAnswer): Promise<AnswerText> {
  const read = await readAnswer(body)
  return 'text' in read && status >= 400 ? { error: `the agent answered with HTTP ${status}` } : read
}

/**
 * Finishes messages that will never be delivered: they have expired, their workspace was removed, or the process that
 * was sending them is gone. What an agent has fetched itself has no lease, and expires.
 */
export async function finishUndeliverable({ db, ...services }: Context): Promise<void> {
  const now = services.now()
  const at = now.toISOString()
  const failure = sql`case
      when ${messages.state} = 'sending' and ${messages.leasedUntil} is null then ${json('AGENT_TIMEOUT', 'the agent, which runs elsewhere, fetched it and did not answer in time', 'yes')}
      when ${messages.state} = 'sending' then ${json('AGENT_CONNECTION_LOST', 'the control plane stopped while it was being sent', 'unknown')}
      when ${messages.expiresAt} <= ${at}::timestamptz then ${json('MESSAGE_EXPIRED', 'it could not be delivered in time', 'no')}
      else ${json('WORKSPACE_REMOVED', 'the workspace was removed', 'no')} end`
  const finished = db.$with('finished').as(
    db
      .update(messages)
      .set({
        state: sql`(case when ${messages.state} = 'sending' then 'unknown' else 'failed' end)::message_state`,
        failure,
        finishedAt: now,
        leasedUntil: null,
        expiresAt: new Date(now.getTime() + retentionMs(services.config.a2a.messageRetentionHours)),
      })
      .where(
        sql`${isFree(messages)} and (${messages.state} = 'sending' and (${messages.leasedUntil} is not null or ${messages.expiresAt} <= ${at}::timestamptz)
         or ${messages.state} = 'queued' and (${messages.expiresAt} <= ${at}::timestamptz
              or exists (select from ${workspaces} where ${workspaces.id} = ${messages.workspaceId} and ${workspaces.status} = 'removed')))`,
      )
      .returning(EVENT_COLUMNS),
  )
  const delegated = db.$with('delegated').as(
    db
      .update(delegations)
      .set({
        status: 'failed',
        error: sql`(select failure ->> 'message' from finished where finished.id = ${delegations.message})`,
        idempotencyKey: sql`case when ${delegations.message} in (select id from finished where state = 'unknown')
          then ${delegations.idempotencyKey} end`,
        updatedAt: now,
      })
      .where(sql`${delegations.message} in (select id from finished)`)
      .returning({ id: delegations.id }),
  )
  await db
    .with(finished, delegated, appendResults(db, 'finished', now))
    .select({ id: finished.id })
    .from(finished)
}

/** Columns that the event of a finished message needs. */
const EVENT_COLUMNS = {
  id: messages.id,
  workspaceId: messages.workspaceId,
  messageId: messages.messageId,
  contextId: messages.contextId,
  caller: messages.caller,
  state: messages.state,
  responseStatus: messages.responseStatus,
  failure: messages.failure,
}

const appendResults = (db: Store['db'], source: string, now: Date) =>
  appendEvent(db, source, {
    event: sql`case when state = 'answered' then 'message_answered' else 'message_failed' end`,
    now,
    workspaceId: sql`workspace_id`,
    payload: sql`${MESSAGE_FACTS} || case when state = 'answered'
      then jsonb_build_object('response_status', response_status)
      else jsonb_build_object('state', state, 'failure', failure) end`,
  })

const json = (reason: string, message: string, delivered: StoredFailure['delivered']) =>
  sql`${JSON.stringify({ reason, message, delivered } satisfies StoredFailure)}::jsonb`

/** Deletes finished messages after their retention. */
export async function deleteExpiredMessages({ db, now }: Store): Promise<void> {
  await deleteInBatches((limit) => {
    const old = db
      .select({ id: messages.id })
      .from(messages)
      .where(and(isNotNull(messages.finishedAt), lte(messages.expiresAt, now())))
      .limit(limit)
      .for('update', { skipLocked: true })
    return db.delete(messages).where(inArray(messages.id, old)).returning({ id: messages.id })
  })
}
