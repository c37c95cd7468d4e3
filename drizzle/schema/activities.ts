// The activity log of agents.
import { bigint, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'

/** What agents did and were asked to do, for people to read (docs/facts/molecule.md §2.8). Kept for days. */
export const activities = pgTable(
  'activities',
  {
    id: uuid('id').primaryKey(),
    seq: bigint('seq', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    workspaceId: uuid('workspace_id').notNull(),
    type: text('activity_type').notNull(),
    sourceId: uuid('source_id'),
    targetId: uuid('target_id'),
    method: text('method'),
    summary: text('summary').notNull().default(''),
    requestBody: jsonb('request_body').$type<unknown>(),
    responseBody: jsonb('response_body').$type<unknown>(),
    toolTrace: jsonb('tool_trace').$type<unknown>(),
    durationMs: integer('duration_ms'),
    status: text('status').notNull(),
    errorDetail: text('error_detail'),
    createdAt: timestamp('created_at').notNull(),
  },
  forMigrations((table) => [
    index('activities_workspace').on(table.workspaceId, table.seq),
    index('activities_created').on(table.createdAt),
  ]),
)
