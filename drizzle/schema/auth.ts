// Tokens: those of agents, and those of people and programs. Only their hashes are stored.
import { index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'
import { workspaces } from './workspaces.ts'

/** Workspace tokens. The plaintext is delivered to the machine and stored nowhere. */
export const workspaceTokens = pgTable(
  'workspace_tokens',
  {
    /** SHA-256 of the token, hex. */
    hash: text('hash').primaryKey(),
    /** The token's public name, in the API and in events. */
    id: uuid('id').notNull().unique().defaultRandom(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** First 8 characters, for display. */
    prefix: text('prefix').notNull(),
    /**
     * The generation that it was delivered to, or of the token with which an agent requested it. The first use of a token
     * revokes those of older generations. Null: requested by an admin.
     */
    generation: integer('generation'),
    createdAt: timestamp('created_at').notNull(),
    lastUsedAt: timestamp('last_used_at'),
    revokedAt: timestamp('revoked_at'),
  },
  forMigrations((table) => [index('workspace_tokens_workspace').on(table.workspaceId)]),
)

/** API tokens of people and programs. Each has a name, a scope and, optionally, a list of workspaces. */
export const apiTokens = pgTable('api_tokens', {
  id: uuid('id').primaryKey(),
  /** SHA-256 of the token, hex. */
  hash: text('hash').notNull().unique(),
  /** First characters, for display. */
  prefix: text('prefix').notNull(),
  name: text('name').notNull(),
  scopes: jsonb('scopes').$type<string[]>().notNull(),
  /** The workspaces to which it is limited; null: all. */
  workspaces: jsonb('workspaces').$type<string[]>(),
  /** The caller who created it, as a key (lib/auth/caller.ts). */
  createdBy: text('created_by').notNull(),
  createdAt: timestamp('created_at').notNull(),
  expiresAt: timestamp('expires_at'),
  lastUsedAt: timestamp('last_used_at'),
  revokedAt: timestamp('revoked_at'),
})
