// Holds: a caller or the agent itself keeps a workspace awake until a time. A hold ends by itself, and wakes nothing.
import { and, asc, eq, gt, lte, type Placeholder, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database } from '../../drizzle/database.ts'
import { holds, workspaces } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'
import { appendEvent } from '../events/append-event.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import { EXTERNAL_RUNTIME } from '../machines/runtimes.ts'
import type { Store } from '../platform/context.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { refuseWithoutMachine } from './external.ts'
import { whenUsed } from '../platform/when-used.ts'

/** Most holds of one workspace at the same time. */
export const MAX_HOLDS = 20

export type Hold = typeof holds.$inferSelect

/** The body of POST /workspaces/:id/holds. Unknown members are refused. */
export const CreateHoldInput = whenUsed(() =>
  z
    .strictObject({
      until: z.iso.datetime({ offset: true }).optional(),
      for_seconds: z.int().min(1).optional(),
      reason: boundedText().trim().min(1, 'must not be empty').max(500),
    })
    .superRefine(({ for_seconds, until }, context) => {
      if ((until === undefined) === (for_seconds === undefined))
        context.addIssue({
          code: 'custom',
          path: ['until'],
          message: 'give until or for_seconds, one of them',
        })
    }),
)

/**
 * @param createdBy a caller's key
 * @throws DomainError `not_found`; `invalid_input` when the time is over already or further away than HOLD_MAX_HOURS;
 *   `conflict` when there are too many holds, or no machine
 */
export async function createHold(
  services: Context,
  workspaceId: string,
  input: z.infer<typeof CreateHoldInput>,
  createdBy: string,
): Promise<Hold> {
  const { config, db } = services
  const now = services.now()
  const hold: Hold = {
    id: crypto.randomUUID(),
    workspaceId,
    until: untilOf(input, now, config.sleep.holdMaxMs),
    reason: input.reason,
    createdBy,
    createdAt: now,
  }
  const at = now.toISOString()
  const stored = db.$with('stored', { id: holds.id }).as(sql`
    insert into ${holds} (id, workspace_id, until, reason, created_by, created_at)
    select ${hold.id}::uuid, id, ${hold.until.toISOString()}::timestamptz, ${hold.reason}, ${createdBy}, ${at}::timestamptz
    from ${workspaces} where id = ${workspaceId}::uuid and status <> 'removed' and runtime <> ${EXTERNAL_RUNTIME}
      and (select count(*) from ${holds} where workspace_id = ${workspaceId}::uuid and until > ${at}::timestamptz) < ${MAX_HOLDS}
    returning id, workspace_id`)
  const logged = appendEvent(db, 'stored', {
    event: 'hold_created',
    now,
    workspaceId: sql`workspace_id`,
    payload: sql`jsonb_build_object('hold_id', id, 'until', ${hold.until.toISOString()}::text,
      'reason', ${hold.reason}::text, 'by', ${createdBy}::text)`,
  })
  const rows = await db.with(stored, logged).select().from(stored)
  if (rows.length > 0) return hold
  refuseWithoutMachine(await getLivingWorkspace(db, workspaceId), 'held')
  throw new DomainError('conflict', `the workspace already has ${MAX_HOLDS} holds: delete one first`)
}

function untilOf(input: z.infer<typeof CreateHoldInput>, now: Date, longestMs: number): Date {
  const field = input.until === undefined ? 'for_seconds' : 'until'
  const until =
    input.until === undefined
      ? new Date(now.getTime() + (input.for_seconds ?? 0) * 1000)
      : new Date(input.until)
  if (until <= now) throw invalidField(field, 'must be in the future')
  if (until.getTime() - now.getTime() > longestMs)
    throw invalidField(field, `must be at most ${longestMs / 3_600_000} hours from now (HOLD_MAX_HOURS)`)
  return until
}

/** Holds whose time is not over, the first to end first. @throws DomainError `not_found` */
export async function listHolds(services: Store, workspaceId: string): Promise<Hold[]> {
  await getLivingWorkspace(services.db, workspaceId)
  return readHolds(services, workspaceId)
}

export const readHolds = ({ db, now }: Store, workspaceId: string): Promise<Hold[]> =>
  holdsStatement(db, workspaceId, now())

/** Holds whose time is not over at `at`, the first to end first. */
export const holdsStatement = (db: Database, workspaceId: string | Placeholder, at: Date | Placeholder) =>
  db
    .select()
    .from(holds)
    .where(and(eq(holds.workspaceId, workspaceId), gt(holds.until, at)))
    .orderBy(asc(holds.until), asc(holds.id))

/** @throws DomainError `not_found` */
export async function deleteHold(services: Store, workspaceId: string, id: string): Promise<void> {
  const { by, db } = services
  const now = services.now()
  const deleted = db.$with('deleted').as(
    db
      .delete(holds)
      .where(and(eq(holds.workspaceId, workspaceId), eq(holds.id, id), gt(holds.until, now)))
      .returning({ id: holds.id, workspaceId: holds.workspaceId }),
  )
  const logged = appendEvent(db, 'deleted', {
    event: 'hold_deleted',
    now,
    workspaceId: sql`workspace_id`,
    payload: sql`jsonb_strip_nulls(jsonb_build_object('hold_id', id, 'by', ${by ?? null}::text))`,
  })
  const rows = await db.with(deleted, logged).select({ id: deleted.id }).from(deleted)
  if (rows.length > 0) return
  await getLivingWorkspace(db, workspaceId)
  throw new DomainError('not_found', 'there is no such hold, or its time is over')
}

/** Deletes holds whose time is over. */
export async function deleteExpiredHolds({ db, now }: Store): Promise<void> {
  await db.delete(holds).where(lte(holds.until, now()))
}
