// Messages between agents that are stored, and what agents delegate with them.
import { sql } from 'drizzle-orm'
import {
  bigint,
  index,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { timestamp } from './columns.ts'
import { workspaces } from './workspaces.ts'

export const messageState = pgEnum('message_state', ['queued', 'sending', 'answered', 'failed', 'unknown'])

/** Why a stored message got no answer: a proxy reason (lib/a2a/wire/json-rpc.ts), in words, and whether the agent may have it. */
export type StoredFailure = { reason: string; message: string; delivered: 'yes' | 'no' | 'unknown' }

/**
 * Messages that were accepted to be delivered later, and their answers. A row leaves `queued` before its first byte is sent,
 * so a message that may have been delivered is never sent again. Bodies are base64: the bytes as they came, whatever they are.
 */
export const messages = pgTable(
  'messages',
  {
    id: uuid('id').primaryKey(),
    /** The order of acceptance; messages of one context are delivered in it. */
    seq: bigint('seq', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** Who sent it: message ids are unique per sender only (a2a.md §3.7). */
    caller: text('caller').notNull(),
    /** The sender, when it is a workspace that has proven itself. */
    senderId: uuid('sender_id'),
    messageId: text('message_id').notNull(),
    contextId: text('context_id'),
    method: text('method').notNull(),
    request: text('request').notNull(),
    requestHeaders: jsonb('request_headers').$type<Record<string, string>>().notNull(),
    /** SHA-256 of the request, hex: the same message id with another body is refused. */
    fingerprint: text('fingerprint').notNull(),

    state: messageState('state').notNull().default('queued'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: timestamp('next_attempt_at').notNull(),
    /** While it is being sent: until when its sender may still be alive. */
    leasedUntil: timestamp('leased_until'),
    sentAt: timestamp('sent_at'),

    responseStatus: integer('response_status'),
    responseType: text('response_type'),
    response: text('response'),
    failure: jsonb('failure').$type<StoredFailure>(),
    finishedAt: timestamp('finished_at'),
    createdAt: timestamp('created_at').notNull(),
    /** Undelivered by then, it fails; finished, it is forgotten. */
    expiresAt: timestamp('expires_at').notNull(),
  },
  (table) => [
    uniqueIndex('messages_once').on(table.workspaceId, table.caller, table.messageId),
    index('messages_open')
      .on(table.workspaceId, table.seq)
      .where(sql`${table.state} in ('queued', 'sending')`),
    index('messages_expiry').on(table.expiresAt),
  ],
)

/** What one agent asked another to do: through us, as a stored message, or by itself, when it told us so. */
export const delegations = pgTable(
  'delegations',
  {
    sourceId: uuid('source_id')
      .notNull()
      .references(() => workspaces.id),
    /** Unique per source: agents that delegate by themselves choose it. */
    id: text('id').notNull(),
    targetId: uuid('target_id').notNull(),
    task: text('task').notNull(),
    idempotencyKey: text('idempotency_key'),
    /** The message that carries it; null when the agent delivers it itself. */
    message: uuid('message').unique(),
    status: text('status').notNull(),
    error: text('error'),
    responsePreview: text('response_preview'),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.sourceId, table.id] }),
    uniqueIndex('delegations_once').on(table.sourceId, table.idempotencyKey),
    index('delegations_created').on(table.createdAt),
  ],
)
