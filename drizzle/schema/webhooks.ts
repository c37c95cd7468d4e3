// Outbound webhooks: endpoints, their signing secrets, and deliveries that are pending or dead.
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
  uuid,
} from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'

/** A failed attempt: when, the HTTP status (null: no answer), and a sentence. */
export type StoredAttempt = { at: string; status: number | null; message: string }

/**
 * Receivers of events. Each has a cursor in the log; what could not be delivered then has a row in
 * `webhook_deliveries`.
 */
export const webhookEndpoints = pgTable('webhook_endpoints', {
  id: uuid('id').primaryKey(),
  url: text('url').notNull(),
  /** Event types; `*` is all except `audit`. */
  types: jsonb('types').$type<string[]>().notNull(),
  /** Receives events of this workspace only; null: all events, including those of no workspace. */
  workspaceId: uuid('workspace_id'),
  description: text('description').notNull(),
  /** Whether later events of a workspace wait for an earlier one. */
  ordered: boolean('ordered').notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: timestamp('created_at').notNull(),
  updatedAt: timestamp('updated_at').notNull(),
  disabledAt: timestamp('disabled_at'),
  disabledReason: text('disabled_reason').$type<'asked' | 'gone' | 'failing'>(),

  /** The cursor: the last `seq` that was delivered or stored as a delivery. */
  afterSeq: bigint('after_seq', { mode: 'number' }).notNull(),
  /** A range of `seq` that was deleted before the cursor reached it. */
  missed: jsonb('missed').$type<{ from: number; to: number; at: string }>(),

  /** Consecutive failures, over all events. */
  failures: integer('failures').notNull().default(0),
  failingSince: timestamp('failing_since'),
  /** Nothing is sent before then: the receiver is down or asked for a pause. */
  restsUntil: timestamp('rests_until'),
  lastSuccessAt: timestamp('last_success_at'),
  lastFailure: jsonb('last_failure').$type<StoredAttempt>(),

  /** When a stored delivery is due. Events after the cursor are always due. */
  dueAt: timestamp('due_at'),
  leaseId: uuid('lease_id'),
  leasedUntil: timestamp('leased_until'),
})

/** Signing secrets, encrypted (lib/secrets/seal.ts): the current one and, during a rotation, previous ones. */
export const webhookSecrets = pgTable(
  'webhook_secrets',
  {
    id: uuid('id').primaryKey(),
    endpointId: uuid('endpoint_id')
      .notNull()
      .references(() => webhookEndpoints.id, { onDelete: 'cascade' }),
    keyId: text('key_id').notNull(),
    sealed: text('sealed').notNull(),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
    /** Null: the current secret. */
    expiresAt: timestamp('expires_at'),
  },
  forMigrations((table) => [index('webhook_secrets_endpoint').on(table.endpointId)]),
)

export const webhookDeliveryState = pgEnum('webhook_delivery_state', ['pending', 'dead'])

/** Deliveries that did not succeed when the cursor passed their event. The event itself is in the log. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    endpointId: uuid('endpoint_id')
      .notNull()
      .references(() => webhookEndpoints.id, { onDelete: 'cascade' }),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    /**
     * Deliveries of one lane are made in order. A lane is a workspace where order matters, otherwise one delivery.
     */
    lane: text('lane').notNull(),
    state: webhookDeliveryState('state').notNull(),
    attempts: integer('attempts').notNull(),
    firstAttemptAt: timestamp('first_attempt_at'),
    /** Null: due when all earlier deliveries of its lane have ended. */
    nextAttemptAt: timestamp('next_attempt_at'),
    lastFailure: jsonb('last_failure').$type<StoredAttempt>(),
    deadAt: timestamp('dead_at'),
  },
  forMigrations((table) => [
    primaryKey({ columns: [table.endpointId, table.seq] }),
    index('webhook_deliveries_lane')
      .on(table.endpointId, table.lane, table.seq)
      .where(sql`${table.state} = 'pending'`),
    index('webhook_deliveries_dead')
      .on(table.deadAt)
      .where(sql`${table.state} = 'dead'`),
  ]),
)
