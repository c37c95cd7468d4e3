// Inbound webhooks: addresses at which other systems post to a workspace.
import { boolean, index, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core'
import { timestamp } from './columns.ts'
import { workspaces } from './workspaces.ts'

/** Doors for other systems: what they send becomes a message to the workspace (lib/webhooks/receive.ts). */
export const hooks = pgTable(
  'hooks',
  {
    id: uuid('id').primaryKey(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** Its place in the address; never changed. */
    name: text('name').notNull(),
    /** How a sender proves itself (lib/webhooks/verify.ts). */
    scheme: text('scheme').notNull(),
    /** From the payload to the message; empty: the payload itself. */
    template: text('template').notNull(),
    /** Names of events it takes; null: all. */
    events: jsonb('events').$type<string[]>(),
    /** Where the id of a delivery is, for a scheme that does not say. */
    deliveryHeader: text('delivery_header'),
    enabled: boolean('enabled').notNull(),
    /** Who made it, as a caller's key. */
    createdBy: text('created_by').notNull(),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  (table) => [unique('hooks_once').on(table.workspaceId, table.name)],
)

/** What a hook's senders sign with, sealed: one for good and, for a while after it was changed, the one before. */
export const hookSecrets = pgTable(
  'hook_secrets',
  {
    id: uuid('id').primaryKey(),
    hookId: uuid('hook_id')
      .notNull()
      .references(() => hooks.id, { onDelete: 'cascade' }),
    keyId: text('key_id').notNull(),
    sealed: text('sealed').notNull(),
    createdAt: timestamp('created_at').notNull(),
    /** Null: for good. */
    expiresAt: timestamp('expires_at'),
  },
  (table) => [index('hook_secrets_hook').on(table.hookId)],
)
