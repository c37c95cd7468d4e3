// What is known of the provider: the pace of creates, the state of regions, and machines without a workspace.
import { integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core'
import { timestamp } from './columns.ts'
import type { StoredReason } from './reason.ts'

/** The queue of creates in each app, so that all replicas together keep to Fly's rate. */
export const launchPace = pgTable('launch_pace', {
  app: text('app').primaryKey(),
  /** When the next turn to be given out comes. */
  nextTurnAt: timestamp('next_turn_at').notNull(),
  /** Theoretical arrival time of the next create, by the generic cell rate algorithm: what was really sent. */
  nextSendAt: timestamp('next_send_at').notNull(),
})

/** What was learned of each region by asking for machines there. */
export const regionHealth = pgTable('region_health', {
  region: text('region').primaryKey(),
  /** Refusals in a row. */
  failures: integer('failures').notNull().default(0),
  /** Passed over until then; afterwards one launch may try it again. Null: in use. */
  openUntil: timestamp('open_until'),
  lastFailure: jsonb('last_failure').$type<StoredReason>(),
  lastFailureAt: timestamp('last_failure_at'),
  lastSuccessAt: timestamp('last_success_at'),
})

/** Machines with our mark and no workspace. Seen twice and old enough, they are destroyed. */
export const orphans = pgTable('orphans', {
  machineId: text('machine_id').primaryKey(),
  app: text('app').notNull(),
  firstSeenAt: timestamp('first_seen_at').notNull(),
  lastSeenAt: timestamp('last_seen_at').notNull(),
  sightings: integer('sightings').notNull().default(1),
  /** Attempts to destroy it that failed. */
  attempts: integer('attempts').notNull().default(0),
  goneAt: timestamp('gone_at'),
})
