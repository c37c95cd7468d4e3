// Sends the messages of schedules whose time has come. One statement stores the message and moves the schedule to its
// next time, and the message's id is derived from the time, so each time is one message, in however many processes.
import { and, asc, eq, lte, sql } from 'drizzle-orm'
import { schedules } from '../../drizzle/schema/index.ts'
import { ProxyError } from '../a2a/errors/proxy-error.ts'
import type { Context } from '../config/context.ts'
import { appendEvent } from '../events/append-event.ts'
import { acceptPlatformMessage } from '../messages/accept-platform-message.ts'
import { writePlatformMessage } from '../messages/platform-message.ts'
import { isStopping } from '../platform/context.ts'
import { encodeUtf8InSlices } from '../platform/slices.ts'
import { nextRun } from './next-run.ts'
import type { Schedule } from './schedules.ts'

/** Schedules of one pass; the others stay due. */
const MOST_PER_PASS = 100

/** Requests that one run needs, and those that are left for the rest of the pass. */
const RUN_COST = 4
const LEFT_FOR_OTHERS = 12

/** Runs every schedule that is due. Times that passed while no process ran are one run, the first of them. */
export async function runSchedules(services: Context): Promise<void> {
  const { budget, db, log, metrics } = services
  if (isStopping(services) || budget.left() < RUN_COST + LEFT_FOR_OTHERS) return
  const due = await db
    .select()
    .from(schedules)
    .where(lte(schedules.nextRunAt, services.now()))
    .orderBy(asc(schedules.nextRunAt))
    .limit(MOST_PER_PASS)
  for (const schedule of due) {
    if (isStopping(services) || budget.left() < RUN_COST + LEFT_FOR_OTHERS) return
    try {
      metrics.count('molecule_schedules_total', { outcome: await run(services, schedule) })
    } catch (error) {
      metrics.count('molecule_schedules_total', { outcome: 'failed' })
      log('error', 'a schedule could not be run', {
        workspace_id: schedule.workspaceId,
        schedule: schedule.name,
        error,
      })
    }
  }
}

async function run(services: Context, schedule: Schedule): Promise<'stored' | 'repeated' | 'refused'> {
  const { db } = services
  const { cron, id, name, nextRunAt: dueAt, timeZone, workspaceId } = schedule
  if (dueAt === null) return 'repeated'
  const next = nextRun(cron, timeZone, services.now())
  const due = dueAt.toISOString()
  const messageId = `schedule:${id}:${due}`
  const body = await encodeUtf8InSlices(toMessageText(schedule, messageId, due))
  const advanced = db.$with('advanced', {}).as(sql`
    update ${schedules} set next_run_at = ${next?.toISOString() ?? null}::timestamptz, last_run_at = ${due}::timestamptz,
      last_message_id = stored.id, last_failure = null
    from stored where ${schedules.id} = ${id}::uuid and ${schedules.nextRunAt} = ${due}::timestamptz returning ${schedules.id}`)
  try {
    const { isRepeat } = await acceptPlatformMessage(
      services,
      {
        workspaceId,
        caller: { kind: 'schedule', workspaceId, schedule: name },
        body,
        fingerprint: messageId,
      },
      advanced,
    )
    if (!isRepeat) return 'stored'
    // A change by a replica whose clock is behind has set the schedule back to a time whose message was stored before.
    await db.update(schedules).set({ nextRunAt: next }).where(isDueAt(schedule, dueAt))
    return 'repeated'
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error
    await recordMissed(services, schedule, dueAt, next, error)
    return 'refused'
  }
}

const isDueAt = ({ id }: Pick<Schedule, 'id'>, dueAt: Date) =>
  and(eq(schedules.id, id), eq(schedules.nextRunAt, dueAt))

/** A paused, failed or overloaded workspace gets no message: the time is over, and the next one counts. */
async function recordMissed(
  { db, now }: Context,
  { id, name }: Schedule,
  dueAt: Date,
  next: Date | null,
  { message, reason }: ProxyError,
): Promise<void> {
  const missed = db
    .$with('missed')
    .as(
      db
        .update(schedules)
        .set({ nextRunAt: next, lastRunAt: dueAt, lastMessageId: null, lastFailure: { reason, message } })
        .where(isDueAt({ id }, dueAt))
        .returning({ id: schedules.id, workspaceId: schedules.workspaceId }),
    )
  const facts = { schedule: name, due_at: dueAt.toISOString(), reason, message }
  const logged = appendEvent(db, 'missed', {
    event: 'schedule_missed',
    now: now(),
    workspaceId: sql`workspace_id`,
    payload: sql`${JSON.stringify(facts)}::jsonb`,
  })
  await db.with(missed, logged).select({ id: missed.id }).from(missed)
}

const toMessageText = ({ message, name }: Schedule, messageId: string, due: string) =>
  writePlatformMessage({ id: messageId, messageId, text: message, metadata: { schedule: name, due_at: due } })
