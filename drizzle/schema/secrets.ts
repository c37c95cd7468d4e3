// Secret values of agents.
import { pgTable, text, unique, uuid } from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'
import { workspaces } from './workspaces.ts'

/** Secrets, encrypted (lib/secrets/seal.ts). A workspace's value takes precedence over a global one. */
export const secrets = pgTable(
  'secrets',
  {
    id: uuid('id').primaryKey(),
    /** Null: a global secret. */
    workspaceId: uuid('workspace_id').references(() => workspaces.id),
    key: text('key').notNull(),
    /** The encryption key that was used. */
    keyId: text('key_id').notNull(),
    /** Nonce and AES-256-GCM ciphertext, base64, bound to the workspace and the key. */
    sealed: text('sealed').notNull(),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  forMigrations((table) => [unique('secrets_once').on(table.workspaceId, table.key).nullsNotDistinct()]),
)
