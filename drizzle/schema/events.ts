// The event log, which is also the audit log.
import { desc, type Placeholder, sql, type SQLWrapper } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'

/** Whether an event is no audit. Written out, because an index of such events only is not used for a parameter. */
export const isShown = (type: SQLWrapper) => sql`${type} <> 'audit'`

/**
 * Newest first, the events of one workspace, for the index of its events: as a range of rows, because for an equation Postgres may
 * walk the whole log backwards, where the workspace has written many events, or there are few workspaces.
 */
export const ofWorkspace = (id: string | Placeholder) => ({
  where: sql`(${events.workspaceId}, ${events.seq}) > (${id}::uuid, 0)
    and (${events.workspaceId}, ${events.seq}) <= (${id}::uuid, 9223372036854775807)`,
  newestFirst: [desc(events.workspaceId), desc(events.seq)] as const,
})

/**
 * The ordered log. Every change of a workspace appends its event in the same statement. Rows of type `audit` record
 * which caller made which request, including refused requests and requests that concern no workspace.
 */
export const events = pgTable(
  'events',
  {
    seq: bigint('seq', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    workspaceId: uuid('workspace_id'),
    type: text('type').notNull(),
    generation: integer('generation'),
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
    at: timestamp('at').notNull(),
  },
  forMigrations((table) => [
    // Audits lie between the other events, sometimes millions together, so neither is to be looked for among the other.
    index('events_shown').on(table.seq).where(isShown(table.type)),
    index('events_workspace_shown').on(table.workspaceId, table.seq).where(isShown(table.type)),
    // Its changes: messages, tokens and audits have no generation, and may be a hundred thousand since the last change.
    index('events_workspace_changes')
      .on(table.workspaceId, table.seq)
      .where(sql`${table.generation} is not null`),
    index('events_audit_workspace')
      .on(table.workspaceId, table.seq)
      .where(sql`${table.type} = 'audit'`),
    index('events_type').on(table.type, table.seq),
    // Times grow with the numbers, so ranges of blocks are enough, and cost next to nothing to write.
    index('events_at').using('brin', table.at),
    // One for each filter of the audit.
    ...(['caller', 'route', 'outcome'] as const).map((member) =>
      index(`events_audit_${member}`)
        .on(sql`(${table.payload} ->> ${sql.raw(`'${member}'`)})`, table.seq)
        .where(sql`${table.type} = 'audit'`),
    ),
  ]),
)
