// Tokens of agents, and of people and programs. Only hashes are stored.
import { index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { timestamp } from './columns.ts'
import { workspaces } from './workspaces.ts'

/** Workspace tokens: the plaintext travels with the machine and is stored nowhere. */
export const workspaceTokens = pgTable(
  'workspace_tokens',
  {
    /** SHA-256 of the token, hex. */
    hash: text('hash').primaryKey(),
    /** What it is called by those who may not know it. */
    id: uuid('id').notNull().unique().defaultRandom(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** First 8 characters, for display. */
    prefix: text('prefix').notNull(),
    /** The generation it was delivered with: its first use ends the tokens of older ones. Null: asked for, and lives on. */
    generation: integer('generation'),
    createdAt: timestamp('created_at').notNull(),
    lastUsedAt: timestamp('last_used_at'),
    revokedAt: timestamp('revoked_at'),
  },
  (table) => [index('workspace_tokens_workspace').on(table.workspaceId)],
)

/** Tokens of people and programs: named, limited in what they may do and where, and shown once. */
export const apiTokens = pgTable('api_tokens', {
  id: uuid('id').primaryKey(),
  /** SHA-256 of the token, hex. */
  hash: text('hash').notNull().unique(),
  /** First characters, for display. */
  prefix: text('prefix').notNull(),
  name: text('name').notNull(),
  scopes: jsonb('scopes').$type<string[]>().notNull(),
  /** The workspaces it is limited to; null: all. */
  workspaces: jsonb('workspaces').$type<string[]>(),
  /** Who made it, as a caller's key. */
  createdBy: text('created_by').notNull(),
  createdAt: timestamp('created_at').notNull(),
  expiresAt: timestamp('expires_at'),
  lastUsedAt: timestamp('last_used_at'),
  revokedAt: timestamp('revoked_at'),
})
