// What `explain` reads of the database, in one statement: on a Worker each statement is a request, which takes longer than its rows.
import { and, asc, eq, getTableColumns, isNotNull, type Placeholder } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { jsonRows } from '../../drizzle/json-rows.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import {
  events,
  holds,
  isShown,
  machineLogs,
  ofWorkspace,
  schedules,
  workspaces,
} from '../../drizzle/schema/index.ts'
import { workspaceColumns } from '../lifecycle/workspace.ts'
import { workspaceNotFound } from '../platform/errors.ts'
import { lastLinesStatement } from '../reconcile/last-lines.ts'
import { workColumns } from '../reconcile/work.ts'
import { holdsStatement } from './holds.ts'

const EVENT_COLUMNS = { type: events.type, at: events.at, payload: events.payload }
const SCHEDULE_COLUMNS = { name: schedules.name, at: schedules.nextRunAt }

/** The newest events of the workspace itself: messages and tokens have no generation, and there may be many. */
export function recentStatement(db: Database, id: string | Placeholder) {
  const { newestFirst, where } = ofWorkspace(id)
  return db
    .select(EVENT_COLUMNS)
    .from(events)
    .where(and(where, isShown(events.type), isNotNull(events.generation)))
    .orderBy(...newestFirst)
    .limit(10)
}

const nextScheduleStatement = (db: Database, id: Placeholder) =>
  db
    .select(SCHEDULE_COLUMNS)
    .from(schedules)
    .where(and(eq(schedules.workspaceId, id), isNotNull(schedules.nextRunAt)))
    .orderBy(asc(schedules.nextRunAt))
    .limit(1)

const readStatement = prepared((db, valueOf: ValueOf<{ id: string; now: Date }>) => {
  const id = valueOf('id')
  return db
    .select({
      ...workspaceColumns,
      ...workColumns,
      recent: jsonRows(EVENT_COLUMNS, recentStatement(db, id)).as('recent'),
      kept: jsonRows(getTableColumns(machineLogs), lastLinesStatement(db, id)).as('kept'),
      holds: jsonRows(getTableColumns(holds), holdsStatement(db, id, valueOf('now'))).as('holds'),
      scheduled: jsonRows(SCHEDULE_COLUMNS, nextScheduleStatement(db, id)).as('scheduled'),
    })
    .from(workspaces)
    .where(eq(workspaces.id, id))
})

/** @throws DomainError `not_found` */
export async function readForExplanation(db: Database, id: string, now: Date) {
  const [read] = await readStatement(db, { id, now })
  if (read === undefined) throw workspaceNotFound()
  const {
    holds,
    isMarked,
    isSending,
    kept: [kept],
    recent,
    scheduled: [scheduled],
    ...row
  } = read
  const next = scheduled?.at == null ? undefined : { name: scheduled.name, at: scheduled.at }
  return { row, known: { isMarked, isSending }, kept, recent, holds, next }
}
