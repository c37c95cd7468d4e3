// Deletes events after EVENTS_RETENTION_DAYS and audit entries after AUDIT_RETENTION_DAYS. The same statement records
// the highest deleted number, so that a reader whose cursor is older gets an error instead of a silent gap.
import type { Context } from '../config/context.ts'
import type { Store } from '../platform/context.ts'
import { sql } from 'drizzle-orm'
import { controlPlane, events } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'
import type { EventType } from './event-types.ts'
import { lastSeq } from './visible-seq.ts'

const AUDIT: EventType = 'audit'

const PARTS = {
  events: { mine: sql`type <> ${AUDIT}`, upTo: controlPlane.eventsForgottenSeq },
  audit: { mine: sql`type = ${AUDIT}`, upTo: controlPlane.auditForgottenSeq },
}

export const deleteExpiredEvents = (services: Context) =>
  deleteExpired(services, 'events', services.config.eventsRetentionDays)

export const deleteExpiredAudit = (services: Context) =>
  deleteExpired(services, 'audit', services.config.auditRetentionDays)

async function deleteExpired({ db, now }: Store, part: keyof typeof PARTS, days: number): Promise<void> {
  const before = new Date(now().getTime() - days * 86_400_000).toISOString()
  const { mine, upTo } = PARTS[part]
  const column = sql.identifier(upTo.name)
  await deleteInBatches(async (limit) => {
    // From the oldest on without a gap, also if the clocks of writers differ: everything below the mark is gone.
    const oldest = db.$with('oldest', { seq: events.seq }).as(
      sql`select seq, at from ${events} where seq > (select ${column} from ${controlPlane}) and ${mine}
          order by seq limit ${limit}`,
    )
    const deleted = db.$with('deleted', { seq: events.seq }).as(
      sql`delete from ${events} where seq in (select seq from oldest
          where seq <= (select max(seq) from oldest where at < ${before}::timestamptz)) returning seq`,
    )
    const marked = db.$with('marked', {}).as(
      sql`update ${controlPlane} set ${column} = greatest(${column}, (select max(seq) from deleted))
          where exists (select from deleted) returning id`,
    )
    return db.with(oldest, deleted, marked).select({ seq: deleted.seq }).from(deleted)
  })
}

/** What a reader does that cannot continue. */
const readAgain = (seq: number) =>
  `read the workspaces for what happened in between, and continue with after=${seq}`

/** A cursor of another log: that of before the database was restored, or of another control plane. */
export const cursorOfAnotherLog = (newest: number) =>
  new DomainError(
    'gone',
    `the newest event has the number ${newest}: if the database was restored, ${readAgain(newest)}`,
    { details: { newest_seq: newest } },
  )

/**
 * Refuses a cursor after which events were deleted. Called after the read, so that nothing can be deleted in between.
 * @param after the last number that the reader has handled; 0 is the oldest event there is
 * @throws DomainError `gone` with `oldest_seq`, the first number that is still there, or with `newest_seq`, which the cursor is beyond
 */
export async function rejectExpiredCursor(
  { db }: Pick<Store, 'db'>,
  after: number,
  types: readonly EventType[] | undefined,
): Promise<void> {
  if (after === 0) return
  const [marks] = await db
    .select({
      events: controlPlane.eventsForgottenSeq,
      audit: controlPlane.auditForgottenSeq,
      newest: lastSeq,
    })
    .from(controlPlane)
  const newest = marks?.newest ?? after
  if (after > newest) throw cursorOfAnotherLog(newest)
  const wanted = [
    ...(types?.every((type) => type === AUDIT) === true ? [] : [marks?.events ?? 0]),
    ...(types?.includes(AUDIT) === true ? [marks?.audit ?? 0] : []),
  ]
  const deletedSeq = Math.max(...wanted)
  if (after >= deletedSeq) return
  throw new DomainError(
    'gone',
    `the events up to ${deletedSeq} are no longer kept (EVENTS_RETENTION_DAYS): ${readAgain(deletedSeq)}`,
    { details: { oldest_seq: deletedSeq + 1 } },
  )
}
