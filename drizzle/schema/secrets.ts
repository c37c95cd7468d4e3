// Secret values that agents need, encrypted.
import { pgTable, text, unique, uuid } from 'drizzle-orm/pg-core'
import { timestamp } from './columns.ts'
import { workspaces } from './workspaces.ts'

/** Keys that agents live on, sealed (lib/secrets/seal.ts). A workspace's own wins over one for all. */
export const secrets = pgTable(
  'secrets',
  {
    id: uuid('id').primaryKey(),
    /** Null: for all workspaces. */
    workspaceId: uuid('workspace_id').references(() => workspaces.id),
    key: text('key').notNull(),
    /** Which encryption key sealed it. */
    keyId: text('key_id').notNull(),
    /** Nonce and AES-256-GCM ciphertext, base64, bound to the workspace and the key. */
    sealed: text('sealed').notNull(),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  (table) => [unique('secrets_once').on(table.workspaceId, table.key).nullsNotDistinct()],
)
