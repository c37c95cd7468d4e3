// The event log, which is also the audit log.
import { sql } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { timestamp } from './columns.ts'

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
  (table) => [
    index('events_workspace').on(table.workspaceId, table.seq),
    index('events_type').on(table.type, table.seq),
    // Times grow with the numbers, so ranges of blocks are enough, and cost next to nothing to write.
    index('events_at').using('brin', table.at),
    // One for each filter of the audit.
    ...(['caller', 'route', 'outcome'] as const).map((member) =>
      index(`events_audit_${member}`)
        .on(sql`(${table.payload} ->> ${sql.raw(`'${member}'`)})`, table.seq)
        .where(sql`${table.type} = 'audit'`),
    ),
  ],
)
