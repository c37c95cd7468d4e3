// What keeps workspaces awake, and what wakes them at a time.
import { boolean, index, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'
import { workspaces } from './workspaces.ts'

/** A workspace with a hold whose time is not over is not hibernated by its idle policy. Holds end by themselves. */
export const holds = pgTable(
  'holds',
  {
    id: uuid('id').primaryKey(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    until: timestamp('until').notNull(),
    reason: text('reason').notNull(),
    /** The caller who created it, as a key (lib/auth/caller.ts). */
    createdBy: text('created_by').notNull(),
    createdAt: timestamp('created_at').notNull(),
  },
  forMigrations((table) => [index('holds_workspace').on(table.workspaceId, table.until)]),
)

/** Messages that are sent to a workspace at the times of a cron expression, and wake it. */
export const schedules = pgTable(
  'schedules',
  {
    id: uuid('id').primaryKey(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    name: text('name').notNull(),
    /** Five fields: minute, hour, day of the month, month, day of the week. */
    cron: text('cron').notNull(),
    /** A name of the IANA time zone database. */
    timeZone: text('time_zone').notNull(),
    message: text('message').notNull(),
    enabled: boolean('enabled').notNull(),
    /** Null: it is disabled, or the expression has no further time. */
    nextRunAt: timestamp('next_run_at'),
    /** The time of the last run, as the expression names it. */
    lastRunAt: timestamp('last_run_at'),
    /** The message of the last run; null if it could not be stored. */
    lastMessageId: uuid('last_message_id'),
    /** Why the last run stored no message; null if it did. */
    lastFailure: jsonb('last_failure').$type<{ reason: string; message: string }>(),
    createdBy: text('created_by').notNull(),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  forMigrations((table) => [
    unique('schedules_once').on(table.workspaceId, table.name),
    index('schedules_due').on(table.nextRunAt),
  ]),
)
