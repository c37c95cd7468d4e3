// Outbound webhooks: endpoints, their signing secrets, and deliveries that did not succeed at once.
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
import { timestamp } from './columns.ts'

/** What became of an attempt that was none: when, the status that was answered (null: none), and in words. */
export type StoredAttempt = { at: string; status: number | null; message: string }

/** Where events are told. Each has read the log up to a number; what could not be told then has a row in `webhook_deliveries`. */
export const webhookEndpoints = pgTable('webhook_endpoints', {
  id: uuid('id').primaryKey(),
  url: text('url').notNull(),
  /** Types of events; `*` is all but `audit`. */
  types: jsonb('types').$type<string[]>().notNull(),
  /** The only workspace it hears of; null: all, and what is about none. */
  workspaceId: uuid('workspace_id'),
  description: text('description').notNull(),
  /** Whether a workspace's later events wait for an earlier one. */
  ordered: boolean('ordered').notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: timestamp('created_at').notNull(),
  updatedAt: timestamp('updated_at').notNull(),
  disabledAt: timestamp('disabled_at'),
  disabledReason: text('disabled_reason').$type<'asked' | 'gone' | 'failing'>(),

  /** The last number of the log that was taken up: told, or kept as a delivery. */
  afterSeq: bigint('after_seq', { mode: 'number' }).notNull(),
  /** Numbers that the log had forgotten before they could be taken up. */
  missed: jsonb('missed').$type<{ from: number; to: number; at: string }>(),

  /** Failures in a row, of whichever event. */
  failures: integer('failures').notNull().default(0),
  failingSince: timestamp('failing_since'),
  /** Nothing is sent until then: it is down, or asked for it. */
  restsUntil: timestamp('rests_until'),
  lastSuccessAt: timestamp('last_success_at'),
  lastFailure: jsonb('last_failure').$type<StoredAttempt>(),

  /** When a kept delivery is due. Events that were not taken up yet are due whatever this says. */
  dueAt: timestamp('due_at'),
  leaseId: uuid('lease_id'),
  leasedUntil: timestamp('leased_until'),
})

/** What deliveries are signed with, sealed (lib/secrets/seal.ts): one that lasts and, while it is rotated, those before it. */
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
    /** Null: the one that lasts. */
    expiresAt: timestamp('expires_at'),
  },
  (table) => [index('webhook_secrets_endpoint').on(table.endpointId)],
)

export const webhookDeliveryState = pgEnum('webhook_delivery_state', ['pending', 'dead'])

/** Events that an endpoint could not be told when it took them up. The event itself is in the log. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    endpointId: uuid('endpoint_id')
      .notNull()
      .references(() => webhookEndpoints.id, { onDelete: 'cascade' }),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    /** Deliveries of one lane are made one after the other: a workspace's where order matters, else one's own. */
    lane: text('lane').notNull(),
    state: webhookDeliveryState('state').notNull(),
    attempts: integer('attempts').notNull(),
    firstAttemptAt: timestamp('first_attempt_at'),
    /** Null: as soon as it is its turn. */
    nextAttemptAt: timestamp('next_attempt_at'),
    lastFailure: jsonb('last_failure').$type<StoredAttempt>(),
    deadAt: timestamp('dead_at'),
  },
  (table) => [
    primaryKey({ columns: [table.endpointId, table.seq] }),
    index('webhook_deliveries_lane')
      .on(table.endpointId, table.lane, table.seq)
      .where(sql`${table.state} = 'pending'`),
    index('webhook_deliveries_dead')
      .on(table.deadAt)
      .where(sql`${table.state} = 'dead'`),
  ],
)
