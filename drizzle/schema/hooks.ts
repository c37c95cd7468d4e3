// Inbound webhooks: other systems post to a workspace.
import { boolean, index, integer, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'
import { workspaces } from './workspaces.ts'

/** Inbound webhooks. A delivery becomes a message to the workspace (lib/hooks/receive.ts). */
export const hooks = pgTable(
  'hooks',
  {
    id: uuid('id').primaryKey(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** Part of the hook's URL; immutable. */
    name: text('name').notNull(),
    /** The signature scheme (lib/hooks/verify.ts). */
    scheme: text('scheme').notNull(),
    /** Makes the message from the payload; empty: the message is the payload. */
    template: text('template').notNull(),
    /** Event names that the hook accepts; null: all. */
    events: jsonb('events').$type<string[]>(),
    /** The header that holds the delivery id, for schemes that do not define one. */
    deliveryHeader: text('delivery_header'),
    /** The largest delivery, in bytes; null: that of the scheme (HOOK_MAX_BODY_BYTES). */
    maxBodyBytes: integer('max_body_bytes'),
    enabled: boolean('enabled').notNull(),
    /** The caller who created it, as a key (lib/auth/caller.ts). */
    createdBy: text('created_by').notNull(),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  forMigrations((table) => [unique('hooks_once').on(table.workspaceId, table.name)]),
)

/** Signing secrets of a hook, encrypted: the current one and, for a while after a rotation, the previous one. */
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
    /** Null: the current secret. */
    expiresAt: timestamp('expires_at'),
  },
  forMigrations((table) => [index('hook_secrets_hook').on(table.hookId)]),
)
