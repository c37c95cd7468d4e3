// Contents of the files that callers give to agents. Workspaces list them by path and size.
import { pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { forMigrations } from './columns.ts'
import { workspaces } from './workspaces.ts'

export const workspaceFiles = pgTable(
  'workspace_files',
  {
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** Below /configs. */
    path: text('path').notNull(),
    base64: text('base64').notNull(),
  },
  forMigrations((table) => [primaryKey({ columns: [table.workspaceId, table.path] })]),
)
