// The end of a stored message: its answer, or why there is none. One statement stores it and tells the delegation that the
// message carried, if there was one.
import type { Context } from '../config/context.ts'
import type { Store } from '../platform/context.ts'
import { and, eq, inArray, isNotNull, lte, sql } from 'drizzle-orm'
import { delegations, messages, type StoredFailure, workspaces } from '../../drizzle/schema/index.ts'
import type { CollectedAnswer } from '../a2a/response/collect-response.ts'
import { PREVIEW_LENGTH, readAnswer } from '../a2a/wire/read-answer.ts'
import { isDatabaseUnavailable } from '../platform/database-errors.ts'
import { encodeBase64 } from '../platform/encoding.ts'
import { appendEvent } from '../events/append-event.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'
import { type Message, MESSAGE_FACTS, retentionMs } from './message.ts'

export type Ending =
  | { state: 'answered'; answer: CollectedAnswer }
  | { state: 'failed' | 'unknown'; failure: StoredFailure }

/** Within the lease, so that an answer is not lost because the database was away for a moment. */
const TRIES = 5
const TRY_AGAIN_MS = 5_000

/** @returns false when it was not being sent any more, and nothing was changed */
export async function finishMessage(services: Context, message: Message, ending: Ending): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      return await storeEnding(services, message, ending)
    } catch (error) {
      if (tries === TRIES || !isDatabaseUnavailable(error)) throw error
      await services.sleep(TRY_AGAIN_MS)
    }
  }
}

async function storeEnding(services: Context, message: Message, ending: Ending): Promise<boolean> {
  const { config, db } = services
  const now = services.now()
  const answer = 'answer' in ending ? ending.answer : undefined
  const finished = db.$with('finished').as(
    db
      .update(messages)
      .set({
        state: ending.state,
        responseStatus: answer?.status ?? null,
        responseType: answer?.type ?? null,
        response: answer === undefined ? null : encodeBase64(answer.body),
        failure: 'failure' in ending ? ending.failure : null,
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
      .returning(TOLD),
  )
  const told = db.$with('told').as(
    db
      .update(delegations)
      .set({ ...delegationAfter(ending), updatedAt: now })
      .where(sql`${delegations.message} in (select id from finished)`)
      .returning({ id: delegations.id }),
  )
  const logged = appendEnds(db, 'finished', now)
  const rows = await db.with(finished, told, logged).select({ id: finished.id }).from(finished)
  return rows.length > 0
}

/**
 * What an ending means for the delegation that the message carried. One that failed for certain gives its idempotency key
 * back, as Molecule's does (core: handlers/delegation.go); one that may have arrived keeps it, so that nothing is sent twice.
 */
function delegationAfter(ending: Ending): Partial<typeof delegations.$inferInsert> {
  const said = 'answer' in ending ? wordsOf(ending.answer) : { error: ending.failure.message }
  // Cutting may part a surrogate pair, which not every driver can send.
  const cut = (text: string) => text.slice(0, PREVIEW_LENGTH).toWellFormed()
  if ('text' in said) return { status: 'completed', error: null, responsePreview: cut(said.text) }
  const freed = ending.state === 'unknown' ? {} : { idempotencyKey: null }
  return { status: 'failed', error: cut(said.error), responsePreview: null, ...freed }
}

function wordsOf({ body, status }: CollectedAnswer): { text: string } | { error: string } {
  const said = readAnswer(body)
  return 'text' in said && status >= 400 ? { error: `the agent answered with HTTP ${status}` } : said
}

/**
 * Ends what will never be delivered: messages whose time is over or whose workspace is gone, and those that somebody was
 * sending who is no longer there.
 */
export async function settleMessages({ db, ...services }: Context): Promise<void> {
  const now = services.now()
  const at = now.toISOString()
  const failure = sql`case
      when ${messages.state} = 'sending' then ${json('AGENT_CONNECTION_LOST', 'the control plane went away while it was being sent', 'unknown')}
      when ${messages.expiresAt} <= ${at}::timestamptz then ${json('MESSAGE_EXPIRED', 'it could not be delivered in time', 'no')}
      else ${json('WORKSPACE_REMOVED', 'the workspace was removed', 'no')} end`
  const settled = db.$with('settled').as(
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
        sql`${messages.state} = 'sending' and ${messages.leasedUntil} <= ${at}::timestamptz
         or ${messages.state} = 'queued' and (${messages.leasedUntil} is null or ${messages.leasedUntil} <= ${at}::timestamptz)
            and (${messages.expiresAt} <= ${at}::timestamptz
              or exists (select from ${workspaces} where ${workspaces.id} = ${messages.workspaceId} and ${workspaces.status} = 'removed'))`,
      )
      .returning(TOLD),
  )
  const told = db.$with('told').as(
    db
      .update(delegations)
      .set({
        status: 'failed',
        error: sql`(select failure ->> 'message' from settled where settled.id = ${delegations.message})`,
        idempotencyKey: sql`case when ${delegations.message} in (select id from settled where state = 'unknown')
          then ${delegations.idempotencyKey} end`,
        updatedAt: now,
      })
      .where(sql`${delegations.message} in (select id from settled)`)
      .returning({ id: delegations.id }),
  )
  await db
    .with(settled, told, appendEnds(db, 'settled', now))
    .select({ id: settled.id })
    .from(settled)
}

/** What events tell of a message that has ended. */
const TOLD = {
  id: messages.id,
  workspaceId: messages.workspaceId,
  messageId: messages.messageId,
  contextId: messages.contextId,
  caller: messages.caller,
  state: messages.state,
  responseStatus: messages.responseStatus,
  failure: messages.failure,
}

const appendEnds = (db: Store['db'], source: string, now: Date) =>
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

/** Forgets messages that were finished long enough ago. */
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
