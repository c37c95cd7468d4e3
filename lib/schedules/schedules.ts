// Creates, lists, changes and deletes the schedules of a workspace. run-schedules.ts sends their messages.
import { and, asc, eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { schedules, workspaces } from '../../drizzle/schema/index.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import type { Store } from '../platform/context.ts'
import { DomainError } from '../platform/errors.ts'
import { nextRun } from './next-run.ts'
import type { CreateScheduleInput, UpdateScheduleInput } from './schedule-input.ts'

/** Most schedules of one workspace. */
export const MAX_SCHEDULES = 50

export type Schedule = typeof schedules.$inferSelect

/**
 * @param createdBy a caller's key
 * @throws DomainError `not_found`; `conflict` when the name is taken or there are too many
 */
export async function createSchedule(
  services: Store,
  workspaceId: string,
  input: z.infer<typeof CreateScheduleInput>,
  createdBy: string,
): Promise<Schedule> {
  const { db } = services
  const { cron, enabled, message, name, time_zone: timeZone } = input
  const at = services.now()
  const now = at.toISOString()
  const next = enabled ? nextRun(cron, timeZone, at) : null
  const stored = db.$with('stored', { id: schedules.id }).as(sql`
    insert into ${schedules} (id, workspace_id, name, cron, time_zone, message, enabled, next_run_at, created_by, created_at, updated_at)
    select ${crypto.randomUUID()}::uuid, id, ${name}, ${cron}, ${timeZone}, ${message}, ${enabled}, ${next?.toISOString() ?? null}::timestamptz,
      ${createdBy}, ${now}::timestamptz, ${now}::timestamptz
    from ${workspaces} where id = ${workspaceId}::uuid and status <> 'removed'
      and (select count(*) from ${schedules} where workspace_id = ${workspaceId}::uuid) < ${MAX_SCHEDULES}
    on conflict on constraint schedules_once do nothing returning id`)
  const rows = await db.with(stored).select().from(stored)
  if (rows.length > 0) return getSchedule(services, workspaceId, name)
  const existing = await listSchedules(services, workspaceId)
  throw new DomainError(
    'conflict',
    existing.some((schedule) => schedule.name === name)
      ? `the schedule ${name} already exists: change it, or choose another name`
      : `the workspace already has ${MAX_SCHEDULES} schedules: delete one first`,
  )
}

const isThis = (workspaceId: string, name: string) =>
  and(eq(schedules.workspaceId, workspaceId), eq(schedules.name, name))

/** Sorted by name. @throws DomainError `not_found` */
export async function listSchedules({ db }: Store, workspaceId: string): Promise<Schedule[]> {
  await getLivingWorkspace(db, workspaceId)
  return db
    .select()
    .from(schedules)
    .where(eq(schedules.workspaceId, workspaceId))
    .orderBy(asc(schedules.name))
}

/** @throws DomainError `not_found` */
export async function getSchedule(services: Store, workspaceId: string, name: string): Promise<Schedule> {
  const [schedule] = await services.db.select().from(schedules).where(isThis(workspaceId, name))
  if (schedule !== undefined) return schedule
  throw await scheduleNotFound(services, workspaceId, name)
}

/** The next run is that of the changed schedule after now. @throws DomainError `not_found` */
export async function updateSchedule(
  services: Store,
  workspaceId: string,
  name: string,
  input: z.infer<typeof UpdateScheduleInput>,
): Promise<Schedule> {
  const now = services.now()
  const before = await getSchedule(services, workspaceId, name)
  const { cron = before.cron, enabled = before.enabled, message = before.message } = input
  const timeZone = input.time_zone ?? before.timeZone
  // A new message alone does not move the run that is due.
  const isMoved = cron !== before.cron || timeZone !== before.timeZone || enabled !== before.enabled
  const next = enabled ? nextRun(cron, timeZone, now) : null
  const [updated] = await services.db
    .update(schedules)
    .set({ cron, timeZone, message, enabled, updatedAt: now, ...(isMoved ? { nextRunAt: next } : {}) })
    .where(isThis(workspaceId, name))
    .returning()
  if (updated === undefined) throw await scheduleNotFound(services, workspaceId, name)
  return updated
}

/** @throws DomainError `not_found` */
export async function deleteSchedule(services: Store, workspaceId: string, name: string): Promise<void> {
  const rows = await services.db
    .delete(schedules)
    .where(isThis(workspaceId, name))
    .returning({ id: schedules.id })
  if (rows.length === 0) throw await scheduleNotFound(services, workspaceId, name)
}

/** The error for an unknown schedule. @throws DomainError `not_found` for an unknown workspace */
async function scheduleNotFound({ db }: Store, workspaceId: string, name: string): Promise<DomainError> {
  await getLivingWorkspace(db, workspaceId)
  return new DomainError('not_found', `the workspace has no schedule ${name}`)
}
