// The log is kept for a time: events for EVENTS_RETENTION_DAYS, the audit for its own. Up to which number each was forgotten is
// noted in the statement that forgets, so that a reader who comes later than that is told, and misses nothing unknowingly.
import type { Context } from '../config/context.ts'
import type { Store } from '../platform/context.ts'
import { sql } from 'drizzle-orm'
import { controlPlane, events } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'
import type { EventType } from './event-types.ts'

const AUDIT: EventType = 'audit'

const PARTS = {
  events: { mine: sql`type <> ${AUDIT}`, upTo: controlPlane.eventsForgottenSeq },
  audit: { mine: sql`type = ${AUDIT}`, upTo: controlPlane.auditForgottenSeq },
}

export const deleteExpiredEvents = (services: Context) =>
  forget(services, 'events', services.config.eventsRetentionDays)

export const forgetAudit = (services: Context) =>
  forget(services, 'audit', services.config.auditRetentionDays)

async function forget({ db, now }: Store, part: keyof typeof PARTS, days: number): Promise<void> {
  const before = new Date(now().getTime() - days * 86_400_000).toISOString()
  const { mine, upTo } = PARTS[part]
  const column = sql.identifier(upTo.name)
  await deleteInBatches(async (limit) => {
    // From the oldest on without a hole, whatever the clocks of several writers said: what is below the mark is gone.
    const oldest = db.$with('oldest', { seq: events.seq }).as(
      sql`select seq, at from ${events} where seq > (select ${column} from ${controlPlane}) and ${mine}
          order by seq limit ${limit}`,
    )
    const forgotten = db.$with('forgotten', { seq: events.seq }).as(
      sql`delete from ${events} where seq in (select seq from oldest
          where seq <= (select max(seq) from oldest where at < ${before}::timestamptz)) returning seq`,
    )
    const marked = db.$with('marked', {}).as(
      sql`update ${controlPlane} set ${column} = greatest(${column}, (select max(seq) from forgotten))
          where exists (select from forgotten) returning id`,
    )
    return db.with(oldest, forgotten, marked).select({ seq: forgotten.seq }).from(forgotten)
  })
}

/**
 * Refuses to go on after a number behind which something was forgotten. Asked after reading, so that nothing can be forgotten in
 * between.
 * @param after the last number that the reader has dealt with; 0 is the beginning, wherever that is by now
 * @throws DomainError `gone` with `oldest_seq`, the first number that is still there
 */
export async function rejectExpiredCursor(
  { db }: Pick<Store, 'db'>,
  after: number,
  types: readonly EventType[] | undefined,
): Promise<void> {
  if (after === 0) return
  const [marks] = await db
    .select({ events: controlPlane.eventsForgottenSeq, audit: controlPlane.auditForgottenSeq })
    .from(controlPlane)
  const wanted = [
    ...(types?.every((type) => type === AUDIT) === true ? [] : [marks?.events ?? 0]),
    ...(types?.includes(AUDIT) === true ? [marks?.audit ?? 0] : []),
  ]
  const forgotten = Math.max(...wanted)
  if (after >= forgotten) return
  throw new DomainError(
    'gone',
    `the events up to ${forgotten} are no longer kept (EVENTS_RETENTION_DAYS): what happened in between can only be seen in the workspaces themselves; go on with after=${forgotten}`,
    { details: { oldest_seq: forgotten + 1 } },
  )
}
