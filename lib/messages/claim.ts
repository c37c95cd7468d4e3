// The state of a stored message before it is finished: claimed, leased, being sent, returned to the queue. A row is
// `sending` before its first byte is sent, so a row that is `sending` without a live lease may have arrived and is
// never sent again.
import { and, eq, isNotNull, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { messages, type StoredFailure, workspaces } from '../../drizzle/schema/index.ts'
import { AWAKE, LEADS_TO_READY } from '../a2a/route.ts'
import { EXTERNAL_RUNTIME } from '../machines/runtimes.ts'
import type { WorkspaceStatus } from '../lifecycle/lifecycle.ts'
import type { Core, Store } from '../platform/context.ts'
import { isFree, LEASE_END, LEASE_MS } from '../platform/lease.ts'
import type { Message } from './message.ts'

type ClaimValues = { workspaceId: string | null; limit: number; now: Date }

const claimStatement = prepared(
  (db, valueOf: ValueOf<ClaimValues>) => {
    const now = sql`${valueOf('now')}::timestamptz`
    const message = alias(messages, 'message')
    const only = sql`${valueOf('workspaceId')}::uuid`
    // What is before a message is found for all of them at once: to look it up for each one takes several times as long.
    const open = sql`
    select open.id, ${hasStatus(AWAKE)} as is_awake,
      open.seq = min(open.seq) over (partition by open.workspace_id) as is_first,
      open.context_id is null
        or open.seq = min(open.seq) over (partition by open.workspace_id, open.context_id) as is_first_of_context
    from ${messages} open join ${workspaces} on ${workspaces.id} = open.workspace_id
    where open.state in ('queued', 'sending') and (${only} is null or open.workspace_id = ${only})
      and ${hasStatus(LEADS_TO_READY)} and ${workspaces.runtime} <> ${EXTERNAL_RUNTIME}`
    // An array is evaluated once. A subquery might be evaluated for every row, and claim more than the limit.
    const due = sql`array(
    select message.id from ${messages} message join (${open}) place on place.id = message.id
    where message.state = 'queued' and message.next_attempt_at <= ${now} and message.expires_at > ${now}
      and ${isFree(message)}
      and place.is_first_of_context and (place.is_awake or place.is_first)
    order by place.is_awake desc, message.next_attempt_at, message.seq
    limit ${valueOf('limit')} for no key update of message skip locked)`
    return db
      .update(messages)
      .set({
        leasedUntil: LEASE_END,
        attempts: sql`${messages.attempts} + 1`,
      })
      .where(sql`${messages.id} = any(${due})`)
      .returning()
  },
  { planEachTime: true },
)

const hasStatus = (statuses: readonly WorkspaceStatus[]): SQL =>
  sql`${workspaces.status} in (${sql.join(
    statuses.map((status) => sql`${status}`),
    sql`, `,
  )})`

/**
 * Claims due messages, the oldest first. A message waits while an earlier one of its context is unfinished. Those to workspaces that
 * are not awake come last, and of each such workspace only the first one is claimed: it wakes the workspace, and the others would
 * only wait for that too. Agents that run elsewhere fetch theirs (inbox.ts).
 * @param workspaceId limits the claim to one workspace
 */
export function claimMessages(
  services: Store,
  limit: number,
  workspaceId: string | undefined,
): Promise<Message[]> {
  return claimStatement(services.db, { workspaceId: workspaceId ?? null, limit, now: services.now() })
}

/** A later claim counts one more attempt, so the number identifies a claim. */
const isThisClaim = ({ attempts, id }: Message) => and(eq(messages.id, id), eq(messages.attempts, attempts))

/** @returns false when another process has claimed the message */
export async function markSending({ db, now }: Store, message: Message): Promise<boolean> {
  const marked = await db
    .update(messages)
    .set({ state: 'sending', sentAt: now(), leasedUntil: LEASE_END })
    .where(and(isThisClaim(message), eq(messages.state, 'queued')))
    .returning({ id: messages.id })
  return marked.length > 0
}

/** Puts a message that was not delivered back into the queue, with the reason. The pause doubles up to a minute. */
export async function requeueMessage(
  { db, now }: Store,
  message: Message,
  failure: StoredFailure,
): Promise<void> {
  const pauseMs = Math.min(60_000, 1_000 * 2 ** Math.min(message.attempts, 6))
  await db
    .update(messages)
    .set({
      state: 'queued',
      sentAt: null,
      leasedUntil: null,
      nextAttemptAt: new Date(now().getTime() + pauseMs),
      failure,
    })
    .where(and(isThisClaim(message), sql`${messages.state} in ('queued', 'sending')`))
}

/** Renews the lease of a claimed message until the returned function is called. */
export function renewLease(services: Pick<Core, 'db' | 'sleep'>, message: Message): () => void {
  const ended = new AbortController()
  const renewRepeatedly = async () => {
    while (!ended.signal.aborted) {
      await services.sleep(LEASE_MS / 3, ended.signal)
      if (ended.signal.aborted) return
      await services.db
        .update(messages)
        .set({ leasedUntil: LEASE_END })
        // A message without a lease is finished or was returned to the queue.
        .where(and(isThisClaim(message), isNotNull(messages.leasedUntil)))
        .catch(() => {})
    }
  }
  void renewRepeatedly()
  return () => ended.abort()
}

/** Ends all leases. Only for a process that is alone with its database, where every sender is gone at the start. */
export async function releaseMessages(db: Database): Promise<void> {
  await db
    .update(messages)
    .set({ leasedUntil: sql`now()` })
    .where(isNotNull(messages.leasedUntil))
}
