// The last lines of machines that ended by themselves. The provider forgets a machine's log soon after the machine.
import { integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { timestamp } from './columns.ts'
import type { WorkspaceReasonCode } from './reason.ts'
import { workspaces } from './workspaces.ts'

/** A line as it was kept: bounded, and without secrets. `source` is that of lib/provisioner/inside.ts. */
export type KeptLine = { time: string; level: string; source: string; message: string }

/** Those of the last end of each workspace's machine. */
export const machineLogs = pgTable('machine_logs', {
  workspaceId: uuid('workspace_id')
    .primaryKey()
    .references(() => workspaces.id, { onDelete: 'cascade' }),
  machineId: text('machine_id').notNull(),
  generation: integer('generation'),
  /** Why it ended. */
  reason: text('reason').$type<WorkspaceReasonCode>().notNull(),
  at: timestamp('at').notNull(),
  lines: jsonb('lines').$type<KeptLine[]>().notNull(),
})
