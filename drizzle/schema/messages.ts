// Stored messages, and the delegations that agents make with them.
import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
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
import { forMigrations, timestamp } from './columns.ts'
import { workspaces } from './workspaces.ts'

export const messageState = pgEnum('message_state', ['queued', 'sending', 'answered', 'failed', 'unknown'])

/** Why a stored message has no answer: the proxy's reason, a sentence, and whether the agent may have received it. */
export type StoredFailure = { reason: string; message: string; delivered: 'yes' | 'no' | 'unknown' }

/**
 * Messages that were accepted for later delivery, and their answers. A row leaves `queued` before its first byte is
 * sent, so a message that may have been delivered is never sent again. Bodies are base64 of the received bytes.
 */
export const messages = pgTable(
  'messages',
  {
    id: uuid('id').primaryKey(),
    /** The order of acceptance. Messages of one context are delivered in this order. */
    seq: bigint('seq', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** The sender, as a caller key. Message ids are unique per sender only (docs/facts/a2a.md §3.7). */
    caller: text('caller').notNull(),
    /** The sender's workspace, when the sender is an authenticated agent. */
    senderId: uuid('sender_id'),
    messageId: text('message_id').notNull(),
    contextId: text('context_id'),
    method: text('method').notNull(),
    request: text('request').notNull(),
    requestHeaders: jsonb('request_headers').$type<Record<string, string>>().notNull(),
    /** The control plane wrote the message: its delivery chooses the version of A2A by the agent's card. */
    isByPlatform: boolean('is_by_platform').notNull().default(false),
    /** SHA-256 of the request, hex. The same message id with another body is refused. */
    fingerprint: text('fingerprint').notNull(),

    state: messageState('state').notNull().default('queued'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: timestamp('next_attempt_at').notNull(),
    /** While the message is being sent: when the sending process counts as dead. */
    leasedUntil: timestamp('leased_until'),
    sentAt: timestamp('sent_at'),

    responseStatus: integer('response_status'),
    responseType: text('response_type'),
    response: text('response'),
    failure: jsonb('failure').$type<StoredFailure>(),
    finishedAt: timestamp('finished_at'),
    createdAt: timestamp('created_at').notNull(),
    /** When an undelivered message fails, and a finished one is deleted. */
    expiresAt: timestamp('expires_at').notNull(),
  },
  forMigrations((table) => [
    uniqueIndex('messages_once').on(table.workspaceId, table.caller, table.messageId),
    index('messages_open')
      .on(table.workspaceId, table.seq)
      .where(sql`${table.state} in ('queued', 'sending')`),
    index('messages_expiry').on(table.expiresAt),
  ]),
)

/** Tasks that one agent gave to another, as a stored message of ours or by itself with a report to us. */
export const delegations = pgTable(
  'delegations',
  {
    sourceId: uuid('source_id')
      .notNull()
      .references(() => workspaces.id),
    /** Unique per source, because agents that delegate by themselves choose it. */
    id: text('id').notNull(),
    targetId: uuid('target_id').notNull(),
    task: text('task').notNull(),
    idempotencyKey: text('idempotency_key'),
    /** The message that carries the task; null when the agent delivers it itself. */
    message: uuid('message').unique(),
    status: text('status').notNull(),
    error: text('error'),
    responsePreview: text('response_preview'),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
  },
  forMigrations((table) => [
    primaryKey({ columns: [table.sourceId, table.id] }),
    uniqueIndex('delegations_once').on(table.sourceId, table.idempotencyKey),
    index('delegations_created').on(table.createdAt),
  ]),
)
