// What only Molecule's clients keep on a server: positions on their canvas, approvals, memories (MOLECULE_COMPAT).
import { index, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'
import { workspaces } from './workspaces.ts'

export const MOLECULE_KINDS = ['layout', 'viewport', 'approval', 'memory', 'memory_key'] as const
export type MoleculeKind = (typeof MOLECULE_KINDS)[number]

export const moleculeRecords = pgTable(
  'molecule_records',
  {
    id: uuid('id').primaryKey(),
    kind: text('kind').$type<MoleculeKind>().notNull(),
    /** Null for what belongs to no workspace. */
    workspaceId: uuid('workspace_id').references(() => workspaces.id),
    /** Its name among those of its kind and workspace. */
    key: text('key').notNull(),
    value: jsonb('value').$type<Record<string, unknown>>().notNull(),
    /** When it stops to exist; null: never. */
    expiresAt: timestamp('expires_at'),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  forMigrations((table) => [
    unique('molecule_records_once').on(table.kind, table.workspaceId, table.key).nullsNotDistinct(),
    index('molecule_records_workspace').on(table.workspaceId, table.kind, table.createdAt),
  ]),
)
